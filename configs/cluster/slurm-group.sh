#!/bin/bash
#SBATCH --job-name=harmoniq-group
#SBATCH --dependency=@dependency@
#SBATCH --cpus-per-task=@cpus@
#SBATCH --mem=@mem_mb@M
#SBATCH --time=@time@
#SBATCH --output=@folder@/group.log
@directives@
# Starts when every participant's task has ended, well or badly; names the absent in excluded.tsv, and analyzes the rest.
set -u
@setup@
# Apptainer's --cleanenv takes the allocation's variables away: hand them on.
for name in SLURM_CPUS_PER_TASK SLURM_MEM_PER_NODE SLURM_MEM_PER_CPU SLURM_JOB_ID; do
  if [ -n "${!name:-}" ]; then export "APPTAINERENV_$name=${!name}"; fi
done
@command@
