"""The reproduction as a graph: photos -> patches -> trainings and studies -> chapters -> book.

    snakemake --cores all --config profile=quick

Config: `profile` (quick, local or full, see lib/studies/profiles.py), `seed`, `photos` (a folder with the photo sets, else they
are fetched). Results go to data/results/PROFILE, runs with their checkpoints and weights to runs/.

Every rule calls one command of `lib`. What a rule promises are files that its command writes whole; checkpoints and
caches are none of them, so Snakemake leaves them alone and a killed training goes on. Nothing here knows a host or a
scheduler: `--executor slurm` or `kubernetes` gets what a job needs from its `threads` and `resources` (`runtime` in
minutes). The estimators, and so the studies and chapters, use the networks in data/weights; a training's weights go
there by hand, with their card.
"""

import os
import re
import shlex
import sys
from pathlib import Path

from lib.studies import chapters, records


workdir: workflow.basedir


PROFILE = config.get("profile", "quick")
SEED = int(config.get("seed", 0))
if PROFILE not in ("quick", "local", "full"):
    raise ValueError(f"Unknown profile {PROFILE!r}: expected quick, local or full.")
if config.get("photos"):
    os.environ["DEFOCUS_PHOTOS"] = config["photos"]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RESULTS = f"data/results/{PROFILE}"
RUNS = f"runs/{PROFILE}"
PYTHON = shlex.quote(sys.executable)
JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))
GPUS = 1 if PROFILE == "full" else 0

# The networks of Table 2, in its order; `local` gives them all the same, small budget of samples besides the shipped ones.
TABLE_2 = ("mobilenet_v2", "efficientnet_b0", "nasnet_mobile", "densenet121", "shufflenet_v2")
TRAININGS = {"mobilenet_v2-lens": "mobilenet_v2 --reading lens", "spectrum_net-lens": "spectrum_net --reading lens"}
if PROFILE != "quick":
    TRAININGS["spectrum_net_wide-lens"] = "spectrum_net_wide --reading lens"  # its patches overlap: it makes its own
if PROFILE == "full":
    TRAININGS |= {f"{name}-paper": f"{name} --reading paper" for name in TABLE_2}
elif PROFILE == "local":
    TRAININGS["mobilenet_v2-paper"] = "mobilenet_v2 --reading paper"
    TRAININGS |= {f"{name}-paper-512000": f"{name} --reading paper --samples 512000" for name in TABLE_2}

# What is measured, by the name of its record: a command, and minutes.
STUDIES = {
    "robustness": ("lib.studies.models {options} --runs {runs} robustness", 30),
    "comparison_scenes": ("lib.studies.comparisons scenes {options}", 120),
    "enhancement": ("lib.studies.enhancement {positional}", 60),
}
if PROFILE != "quick":
    STUDIES |= {
        "networks": ("lib.studies.models {options} costs", 60),
        "inference": ("lib.studies.blur_map {options} --registry", 120),
        "ablation": ("lib.studies.models {options} --runs {runs} ablation", 240),
        "budgets": ("lib.studies.models {options} --runs {runs} budgets", 240),
        "kernel_support_mobilenet_v2": ("lib.studies.models {options} --runs {runs} support mobilenet_v2", 360),
        "kernel_support_spectrum_net_wide": ("lib.studies.models {options} --runs {runs} support spectrum_net_wide", 360),
        "comparison_masks": ("lib.studies.comparisons masks {options}", 120),
        "comparison_cost": ("lib.studies.comparisons cost {options}", 120),
        "table3": ("lib.studies.fusion table3 {positional}", 120),
        "fusion_lytro": ("lib.studies.fusion lytro {positional}", 240),
        "fusion_rendered": ("lib.studies.fusion rendered {positional}", 240),
        "fusion_benchmark": ("lib.studies.enfuse {positional}", 60),  # needs enfuse
    }
DMENET = () if PROFILE == "quick" else ("dmenet-compact", "dmenet-compact-adapted")

CHAPTERS = chapters.chapters()
# The records by name, and what a run has measured itself, which they are copies of: those of somebody else's run come with
# the repository, and Snakemake would not make again what is there.
MEASURED = {f"train_{name}": f"{RUNS}/{name}/record.json" for name in TRAININGS}
MEASURED |= {name: f"{RUNS}/records/{name}.json" for name in (*(f"train_{name}" for name in DMENET), *STUDIES)}
RECORDS = list(MEASURED)
# A chapter is run again when `lib` or what it reads has changed; trainings and studies only on request (--forcerun).
CODE = records.inputs_hash(inputs=("lib", "data/weights", "data/paper", "data/registry.tsv"))


def read_by(wildcards):
    """The records of this profile that a chapter reads: those it names, fields in braces standing for any; and what
    has the scoreboard reads all.
    """
    text = Path(f"book/{wildcards.chapter}.md").read_text()
    read = [re.sub(r"\{.*?\}", "*", name) for name in re.findall(rf'records\.read\(f?"{PROFILE}/(.+?)\.json"', text)]
    if "import scoreboard" in text:
        read = ["*"]
    return [f"{RESULTS}/{name}.json" for name in RECORDS if any(Path(name).match(pattern) for pattern in read)]


def needs(mem_mb, runtime, gpu=0):
    """Resources of a job. Kubernetes has to be told whose GPUs are meant; TensorFlow's are NVIDIA's."""
    return {"mem_mb": mem_mb, "runtime": runtime, "gpu": gpu, "gpu_manufacturer": "nvidia"}


wildcard_constraints:
    training="|".join(map(re.escape, TRAININGS)),
    study="|".join(STUDIES),
    record="|".join(map(re.escape, RECORDS)),
    chapter="|".join(CHAPTERS),


rule all:
    input:
        "_build/html/index.html",
        MEASURED.values(),
        expand(f"{RESULTS}/{{name}}.json", name=RECORDS),
        expand(f"{RESULTS}/chapters/{{name}}", name=CHAPTERS),
    threads: 1
    resources:
        **needs(mem_mb=100, runtime=5),


rule photos:
    output:
        f"{RUNS}/photos.json",
    threads: 1
    resources:
        **needs(mem_mb=4000, runtime=240),
    shell:
        "{PYTHON} -m lib.studies.profiles photos {PROFILE} -o {output}"


rule patches:
    input:
        f"{RUNS}/photos.json",
    output:
        directory(f"{RUNS}/patches/{{reading}}"),
    threads: 1
    resources:
        **needs(mem_mb=8000, runtime=240),
    shell:
        "{PYTHON} -m lib.studies.profiles patches {PROFILE} {wildcards.reading} --seed {SEED} -o {output}"


rule train:
    input:
        lambda wildcards: f"{RUNS}/patches/{re.search('paper|lens', wildcards.training)[0]}",
    output:
        expand(f"{RUNS}/{{{{training}}}}/{{file}}", file=("weights.keras", "record.json", "card.md")),
    params:
        what=lambda wildcards: TRAININGS[wildcards.training],
        data=lambda wildcards, input: "" if "wide" in wildcards.training else f"--data {input}",
    threads: 2 if PROFILE != "full" else 8
    resources:
        **needs(mem_mb=8000 if PROFILE != "full" else 32000, runtime={"quick": 60, "local": 1440, "full": 4320}[PROFILE], gpu=GPUS),
    shell:
        "{PYTHON} -m lib train {params.what} {params.data} --tests {RUNS}/tests --profile {PROFILE} --seed {SEED} "
        "-o {RUNS}/{wildcards.training}"


rule record:
    input:
        lambda wildcards: MEASURED[wildcards.record],
    output:
        f"{RESULTS}/{{record}}.json",
    threads: 1
    resources:
        **needs(mem_mb=100, runtime=5),
    shell:
        "cp {input} {output}"


rule dmenet:
    input:
        f"{RUNS}/photos.json",
    output:
        f"{RUNS}/dmenet/dmenet-compact.keras",
        f"{RUNS}/records/train_dmenet-compact.json",
    threads: 2
    resources:
        **needs(mem_mb=8000, runtime=240, gpu=GPUS),
    shell:
        "{PYTHON} -m lib.studies.dmenet.training --profile {PROFILE} --seed {SEED} -o {RUNS}/dmenet --record {output[1]}"


rule dmenet_adapted:
    input:
        f"{RUNS}/dmenet/dmenet-compact.keras",
    output:
        f"{RUNS}/dmenet-adapted/dmenet-compact-adapted.keras",
        f"{RUNS}/records/train_dmenet-compact-adapted.json",
    threads: 2
    resources:
        **needs(mem_mb=8000, runtime=240, gpu=GPUS),
    shell:
        "{PYTHON} -m lib.studies.dmenet.training --adapt {input} --profile {PROFILE} --seed {SEED} "
        "-o {RUNS}/dmenet-adapted --record {output[1]}"


rule study:
    input:
        f"{RUNS}/photos.json",
    output:
        f"{RUNS}/records/{{study}}.json",
    params:
        command=lambda wildcards, output: STUDIES[wildcards.study][0].format(
            options=f"--profile {PROFILE} -o {output}",
            positional=f"{PROFILE} {output}",
            runs=f"{RUNS}/{wildcards.study}",
        ),
    threads: 2
    resources:
        **needs(mem_mb=8000, runtime=lambda wildcards: STUDIES[wildcards.study][1], gpu=GPUS),
    shell:
        "{PYTHON} -m {params.command}"


rule chapter:
    input:
        "book/{chapter}.md",
        read_by,
    output:
        directory(f"{RESULTS}/chapters/{{chapter}}"),
    params:
        code=CODE,
    threads: 1
    resources:
        **needs(mem_mb=6000, runtime=60 if PROFILE == "quick" else 240),
    shell:
        "{PYTHON} -m lib reproduce {wildcards.chapter} --profile {PROFILE} --seed {SEED} -o {RESULTS}/chapters"


rule book:
    input:
        expand(f"{RESULTS}/{{name}}.json", name=RECORDS),
        expand(f"{RESULTS}/chapters/{{name}}", name=CHAPTERS),
    output:
        "_build/html/index.html",
    params:
        code=CODE,
    threads: 2
    resources:
        **needs(mem_mb=6000, runtime=120),
    shell:
        "{JUPYTER_BOOK} build book --all -W -n --keep-going"
