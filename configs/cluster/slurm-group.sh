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
@command@
