"""The reproduction as a graph: studies (photos, patches, trainings, measurements) -> chapters -> book.

    snakemake --cores all --config profile=quick

Config: `profile` (quick, local or full, see lib/studies/profiles.py), `seed`, `photos` (a folder with the photo sets, else they
are fetched), `scale` (below 1 cuts all counts, to see that a profile runs). All lies in runs/PROFILE: records, the
networks that the run has trained, chapters; `python -m lib adopt` takes it into data/.

The studies are those of the register, lib/studies/register.py. What a rule promises are files that its command writes whole;
checkpoints and caches are none of them, so Snakemake leaves them alone and a killed training goes on. A study runs again
when the hash of the code that it reaches has changed, or something that it needs was made anew; where its record still
holds all the same, its command leaves it as it is. Nothing here knows a host or a scheduler: `--executor slurm` or
`kubernetes` gets what a job needs from its `threads` and `resources` (`runtime` in minutes).
"""

import os
import shlex
import sys
from pathlib import Path

from lib import paths
from lib.studies import chapters, profiles, register


workdir: workflow.basedir


PROFILE = config.get("profile", "quick")
SEED = int(config.get("seed", 0))
SCALE = float(config.get("scale", 1))
if PROFILE not in profiles.PROFILES:
    raise ValueError(f"Unknown profile {PROFILE!r}: expected one of {', '.join(profiles.PROFILES)}.")
if config.get("photos"):
    os.environ["DEFOCUS_PHOTOS"] = config["photos"]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RUN = f"runs/{PROFILE}"
PYTHON = shlex.quote(sys.executable)
JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))
OPTIONS = f"--profile {PROFILE} --seed {SEED}"
STUDIES = register.studies()
NETWORKS = [study.name for study in STUDIES.values() if study.makes]
CHAPTERS = chapters.chapters()
READS = {name: chapters.reads(name) + NETWORKS * chapters.uses_networks(name) for name in CHAPTERS}


def records(names):
    return [f"{RUN}/records/{name}.json" for name in names]


def needs(mem_mb, runtime, gpu=False):
    """Resources of a job. Kubernetes has to be told whose GPUs are meant; TensorFlow's are NVIDIA's."""
    gpus = int(gpu and PROFILE == "full")
    return {"mem_mb": mem_mb, "runtime": runtime, "gpu": gpus, "gpu_manufacturer": "nvidia"}


wildcard_constraints:
    chapter="|".join(CHAPTERS),


rule all:
    input:
        "_build/html/index.html",
        records(STUDIES),
    threads: 1
    resources:
        **needs(mem_mb=100, runtime=5),


for study in STUDIES.values():

    rule:
        name:
            study.name.replace("-", "_")
        input:
            records(other.name for other in study.before or [STUDIES["photos"]] if study.name != "photos"),
        output:
            update(f"{RUN}/records/{study.name}.json"),
        params:
            study=study.name,
            code=study.code,
            scale=SCALE,
        threads: 1 if PROFILE == "quick" else 2
        resources:
            **needs(mem_mb=4000 if PROFILE == "quick" else 16000, runtime=30 + round(3 * study.minutes[PROFILE]), gpu=study.gpu),
        shell:
            "{PYTHON} -m lib study {params.study} {OPTIONS} --scale {params.scale}"


rule chapter:
    input:
        "book/{chapter}.md",
        lambda wildcards: records(READS[wildcards.chapter]),
    output:
        directory(f"{RUN}/chapters/{{chapter}}"),
    params:
        code=lambda wildcards: chapters.code_hash(wildcards.chapter),
    threads: 1
    resources:
        **needs(mem_mb=6000, runtime=60 if PROFILE == "quick" else 240),
    shell:
        "{PYTHON} -m lib reproduce {wildcards.chapter} {OPTIONS}"


rule book:
    input:
        records(STUDIES),
        expand(f"{RUN}/chapters/{{name}}", name=CHAPTERS),
    output:
        "_build/html/index.html",
    params:
        profile=PROFILE,
    threads: 2
    resources:
        **needs(mem_mb=6000, runtime=120),
    shell:
        "{paths.PROFILE}={PROFILE} {JUPYTER_BOOK} build book --all -W -n --keep-going"
