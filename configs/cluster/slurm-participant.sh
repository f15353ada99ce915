#!/bin/bash
#SBATCH --job-name=harmoniq
#SBATCH --array=@array@
#SBATCH --cpus-per-task=@cpus@
#SBATCH --mem=@mem_mb@M
#SBATCH --time=@time@
#SBATCH --output=@folder@/%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@@warning@
@directives@
# One participant per task. What was computed stays in the work folder, so that a task that is started again goes on
# where it stopped.
set -u
trap : USR1 # the warning before the time limit ends nothing that has not begun: then Slurm ends it, and says why
@setup@
# Apptainer's --cleanenv takes the allocation's variables away: hand them on.
for name in SLURM_CPUS_PER_TASK SLURM_MEM_PER_NODE SLURM_MEM_PER_CPU SLURM_JOB_ID SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID; do
  if [ -n "${!name:-}" ]; then export "APPTAINERENV_$name=${!name}"; fi
done
label=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" @folder@/tasks.txt)
[ -n "$label" ] || { echo "error: no such task in @folder@/tasks.txt" >&2; exit 2; }
select=(--participant-label "${label%%_ses-*}")
case $label in *_ses-*) select+=(--session-label "${label##*_ses-}") ;; esac
echo "task ${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID} on $(hostname): $label"
@command@ "${select[@]}" &
child=$!
# Slurm sends USR1 to this shell shortly before the time limit, and TERM when the job is cancelled.
trap 'kill -USR1 $child 2>/dev/null' USR1
trap 'kill -TERM $child 2>/dev/null' TERM
code=0
wait $child || code=$?
while kill -0 $child 2>/dev/null; do code=0; wait $child || code=$?; done
if [ $code = 75 ]; then # stopped in time, with something gained: go on in the same place of the queue
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit $code
