"""The words of post-training papers: hyperparameters under our recipes' names, methods, models, datasets, benchmarks.

Lists grow old; they only decide what the rules find. A name that stands here proves nothing: the check holds every
claim against the text, whoever made it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """A hyperparameter: its name, how papers call it, and between which values it is believed."""

    name: str
    label: str  # a pattern, for plain text in any case
    least: float = 0.0
    most: float = 1e12
    whole: bool = False  # a count
    words: str = ""  # a pattern of values that are words; empty where only a number will do
    lora: bool = False  # its label means this only where LoRA is the subject


_OPTIMISERS = r"(?:paged[_ ]?)?adamw?(?:[_ -]?(?:8bit|torch|fused))?|adafactor|sgd|rmsprop|lion|muon|sophia|lamb"
_SCHEDULES = r"cosine|linear|constant|polynomial|inverse[- ]square[- ]root|wsd|warmup[- ]stable[- ]decay"
_PRECISIONS = r"bf16|fp16|fp32|fp8|bfloat16|float16|float32|mixed[- ]precision"

SETTINGS: tuple[Setting, ...] = (
    Setting("learning_rate", r"(?:(?:peak|initial|max(?:imum)?|base) )?(?:learning[ _-]?rates?|lr)", 1e-10, 1),
    Setting(
        "effective_batch_size",
        r"(?:effective|global|total|overall)[ _-](?:train(?:ing)?[ _-])?batch[ _-]?sizes?",
        1, 1e9, whole=True,
    ),
    Setting(
        "batch_size",
        r"(?:(?:per[ _-](?:device|gpu)|mini|micro|train(?:ing)?)[ _-]?){0,2}batch[ _-]?sizes?|bs|mini-?batch(?:es)?",
        1, 1e9, whole=True,
    ),
    Setting(
        "gradient_accumulation", r"grad(?:ient)?[ _-]acc(?:um(?:ulation)?)?(?:[ _-]steps?)?|accumulation steps?",
        1, 1e5, whole=True,
    ),
    Setting("epochs", r"(?:num(?:ber)?[ _.]?(?:of[ _])?)?(?:train(?:ing)?[ _])?epochs?", 1e-3, 1e4),
    Setting("warmup_steps", r"(?:linear )?warm[ _-]?up[ _-](?:steps?|iterations?)", 0, 1e7, whole=True),
    Setting("warmup_ratio", r"(?:lr )?warm[ _-]?up(?:[ _-](?:ratio|fraction|proportion|rate)"
        r"| (?:over|during|for)(?: the)?(?: first)?)?", 0, 1),
    Setting(
        "max_steps",
        r"(?:max(?:imum)?|num(?:ber)?(?: of)?|total)[ _-](?:(?:train(?:ing)?|gradient|optimi[sz]er|update)[ _-])?steps"
        r"|(?:train(?:ing)?|gradient|optimi[sz]er|optimi[sz]ation|update)[ _-](?:steps?|iterations)",
        1, 1e9, whole=True,
    ),
    Setting("weight_decay", r"weight[ _-]?decay|wd", 0, 10),
    Setting(
        "max_grad_norm",
        r"(?:max(?:imum)?[ _-])?grad(?:ient)?[ _-]"
        r"(?:norm(?:[ _-]clip(?:ping)?)?|clip(?:ping)?(?:[ _-](?:norm|value))?)",
        0, 1e4,
    ),
    Setting(
        "max_completion_length",
        r"max(?:imum)?[ _-](?:completion|response|generation|output)[ _-](?:length|len|tokens)|max[ _-]new[ _-]tokens",
        1, 1e8, whole=True,
    ),
    Setting(
        "max_length",
        r"(?:max(?:imum|\.)?[ _-])?(?:seq(?:uence)?|context|input|token)\.?[ _-](?:length|len)|context (?:window|size)"
        r"|max[ _-](?:length|len)|cut-?off[ _-]len(?:gth)?",
        1, 1e8, whole=True,
    ),
    Setting("lora_dropout", r"lora[ _-]?dropout|dropout", 0, 1, lora=True),
    Setting("dropout", r"(?:attention |residual )?dropout(?: rate| probability)?", 0, 1),
    Setting("lora_alpha", r"(?:lora[ _-]?)?(?:alpha|α)|lora scal(?:e|ing)(?: factor)?", 0.01, 1e5, lora=True),
    Setting("lora_r", r"(?:lora[ _-]?)?(?:rank|r|dim(?:ension)?)(?: r)?", 1, 65_536, whole=True, lora=True),
    Setting("lora_targets", r"(?:lora[ _-])?target[ _-]modules?|lora (?:targets?|modules|layers)", words=r".{2,80}"),
    Setting(
        "schedule", r"(?:(?:lr|learning[ _-]rate) )?schedul(?:e|er)(?:[ _-]type)?|(?:lr|learning[ _-]rate) decay",
        words=_SCHEDULES,
    ),
    Setting("optimizer", r"optimi[sz]er", words=_OPTIMISERS),
    Setting("precision", r"(?:training )?precision|(?:torch )?d(?:ata)?[ _-]?type", words=_PRECISIONS),
    Setting(
        "kl_coefficient",
        r"kl(?:[ -]divergence)?(?: (?:loss|penalty|reward))?[ _-](?:coeff?(?:icient)?\.?|penalty|weight)",
        0, 1e3,
    ),
    Setting("beta", r"(?:(?:dpo|kl|ipo|kto) )?(?:beta|β)", 0, 1e3),
    Setting(
        "num_generations",
        r"group size|(?:number of )?(?:generations?|rollouts?|samples?|completions?|responses?|outputs?)"
        r" (?:per|for each) (?:prompt|question|query)|num[ _-]generations|rollouts? n",
        1, 1e6, whole=True,
    ),
    Setting("temperature", r"(?:sampling |rollout )?temperature", 0, 10),
    Setting("clip_range", r"(?:ppo )?clip(?:ping)?[ _-](?:range|ratio|epsilon|threshold)", 0, 10),
)  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}

METHODS: dict[str, str] = {
    "sft": r"SFT|[Ss]upervised [Ff]ine-?\s?[Tt]un\w+|[Ii]nstruction[- ][Tt]un\w+",
    "dpo": r"(?:[a-z]|[iI]terative |[Oo]nline )?DPO|[Dd]irect [Pp]reference [Oo]ptimi[sz]ation",
    "ppo": r"PPO|[Pp]roximal [Pp]olicy [Oo]ptimi[sz]ation",
    "grpo": r"(?:Dr\. ?)?GRPO|[Gg]roup [Rr]elative [Pp]olicy [Oo]ptimi[sz]ation",
    "dapo": r"DAPO",
    "gspo": r"GSPO",
    "rloo": r"RLOO|REINFORCE[- ][Ll]eave[- ][Oo]ne[- ][Oo]ut",
    "reinforce": r"REINFORCE(?:\+\+)?(?![- ][Ll]eave)",
    "kto": r"KTO|[Kk]ahneman-Tversky [Oo]ptimi[sz]ation",
    "orpo": r"ORPO",
    "ipo": r"IPO",
    "simpo": r"SimPO",
    "cpo": r"CPO",
    "spin": r"SPIN|[Ss]elf-[Pp]lay [Ff]ine-?[Tt]uning",
    "star": r"STaR|[Ee]xpert [Ii]teration",
    "rft": r"RFT|[Rr]ejection[- ]([Ss]ampling )?[Ff]ine-?[Tt]uning|[Rr]ejection [Ss]ampling",
    "distillation": r"[Kk]nowledge [Dd]istillation|[Dd]istill(?:ed|ation)",
    "rlhf": r"RLHF",
    "rlvr": r"RLVR",
}
METHOD = re.compile("|".join(f"(?P<{name}>(?<![A-Za-z])(?:{p})(?![A-Za-z]))" for name, p in METHODS.items()))

_VERSION = r"[ -]?v?\d(?:\.\d)?"
_SIZE = r"[ -]?\(?\d{1,4}(?:\.\d{1,2})?\s?[BM]\)?(?![A-Za-z0-9])"
_TUNED = r"(?:[ -](?:Instruct|Chat|Base|it|pt|hf|Math|Coder|Preview|v0\.\d))"
BASE_MODEL = re.compile(
    r"(?<![A-Za-z/])(?:"
    r"(?:Code[ -]?|Tiny)?(?:Llama|LLaMA|LLaMa|LLAMA)|Mistral|Mixtral|Qwen|Gemma|Pythia|SmolLM|OLMo|Olmo|DeepSeek|Falcon"
    r"|InternLM|Baichuan|StableLM|Zephyr|Vicuna|BLOOM|Granite|Nemotron|MiniCPM|ChatGLM|StarCoder|Starcoder|GPT-NeoX"
    r"|(?:Flan-?)?T5|GPT-?2|GPT-J|Phi(?=[ -]?\d)|OPT(?=-\d)|Yi(?=-\d)|MPT(?=-\d)"
    rf")(?:[ -](?:Coder|Math|R1|XL|Large|Base|Small|Medium|large|base|small|medium|xl)(?![A-Za-z]))?"
    rf"(?:{_VERSION}(?![\d.]*\s?[BM](?![A-Za-z])))?(?:[ -](?:Coder|Math))?(?:{_SIZE})?{_TUNED}{{0,2}}(?![A-Za-z0-9])"
)
NAMED_AS_BASE = re.compile(
    r"(?:fine-?\s?tun\w*|train\w*|initiali[sz]\w*|start\w*|bas(?:e|ed|is)|built|top|backbone|use)"
    r"(?:\s+(?:from|on|with|of|the|a|an|our|model|models|as|is|all|for|pre-?trained)){0,5}\s+$",
    re.IGNORECASE,
)

DATASET = re.compile(
    r"(?<![A-Za-z])(?:UltraChat(?:[-_ ]?200k)?|UltraFeedback(?:[ -]?[Bb]inarized)?"
    r"|(?:Stanford )?Alpaca(?:-52k|-cleaned)?(?!Eval)"
    r"|Dolly(?:-15k)?|OASST[12]?|OpenAssistant(?: Conversations)?|ShareGPT|OpenHermes(?:[- ]?2\.5)?"
    r"|(?:Anthropic )?HH(?:-RLHF)?"
    r"|Anthropic Helpful[- ]and[- ]Harmless|OpenOrca|SlimOrca|Flan(?:[- ]v?2|[- ]2022)|LIMA|WizardLM(?:[- ]Evol)?"
    r"|Evol-?Instruct"
    r"|MetaMath(?:QA)?|NuminaMath(?:-CoT|-TIR|-1\.5)?|OpenMathInstruct(?:-[12])?|Open-?R1(?:-Math(?:-220k)?)?"
    r"|DeepScaleR|DAPO-Math-17k"
    r"|SmolTalk2?|T[uü]lu[ -]?[23](?: SFT)?(?: [Mm]ix(?:ture)?)?|Orca[- ]?Math|Mag[pP]ie(?:-Pro)?|HelpSteer[23]?"
    r"|Nectar|PRM800[Kk]|Capybara"
    r"|OpenThoughts(?:[23]|-114k)?|s1K(?:-1\.1)?|LIMO|Big-?Math|Skywork-OR1|MathInstruct|CodeAlpaca"
    r"|Magicoder(?:-OSS)?|Natural Instructions"
    r"|Super-NaturalInstructions|P3|Reddit TL;DR|TL;DR|IMDb|GSM8[Kk] training set|MATH training set)(?![A-Za-z0-9])"
    # With a size behind it, it is a model that was trained on it: Alpaca 7B, Tülu 3 8B, OpenHermes-2.5-Mistral-7B
    r"(?![ -](?:\d(?:\.\d)?[ -])?(?:(?:SFT|DPO|RLVR|Instruct|Mistral|Llama)[ -])?\d{1,3}(?:\.\d{1,2})?\s?B(?![A-Za-z]))"
)
BENCHMARK = re.compile(
    r"(?<![A-Za-z\\])(?:GSM-?8[Kk](?:-Hard)?|GSM1[Kk]|GSM-Plus|MATH(?:[- ]?500)?(?![A-Za-z-])"
    r"|MMLU(?:-Pro|-Redux|-STEM)?|HumanEval\+?|MBPP\+?"
    r"|BBH|BIG-Bench(?: Hard)?|ARC(?:[- ](?:[ceCE]|Challenge|Easy|AGI(?:-[12])?))|HellaSwag|WinoGrande|Winogrande"
    r"|TruthfulQA(?: MC[12])?"
    r"|MT-?[Bb]ench|Alpaca-?Eval(?: ?2(?:\.0)?)?(?: LC)?|Arena-?Hard(?: ?v?[02]\.[01])?|IF-?Eval|IFBench"
    r"|GPQA(?:[- ]Diamond)?|AIME(?: ?'?(?:20)?2[3-6])?"
    r"|AMC(?: ?'?(?:20)?23)?|LiveCodeBench(?: v[1-6])?|LiveBench|SWE-?bench(?: Verified| Lite)?|DROP|BoolQ|PIQA"
    r"|SIQA|OpenBookQA|OBQA|SQuAD(?: ?v?[12](?:\.[01])?)?"
    r"|Super-?GLUE|GLUE|AGIEval|C-Eval|CMMLU|Code[Ff]orces|Olympiad-?Bench|Minerva(?: Math)?|SVAMP|ASDiv|MAWPS|AQuA"
    r"|CommonsenseQA|CSQA|StrategyQA"
    r"|RewardBench(?: 2)?|SimpleQA|Natural ?Questions|TriviaQA|HotpotQA|XSum|CNN/?(?:DM|DailyMail)|ToxiGen|BFCL"
    r"|TAU-?[Bb]ench|ZebraLogic|Reasoning Gym"
    r"|PostTrainBench|MGSM|BigCodeBench|WildBench|TL;DR|IMDb)(?![A-Za-z0-9])"
)
METRIC = re.compile(
    r"(?<![A-Za-z])(?:(?:pass|maj|cons|avg|[Pp]ass|[Mm]aj)@\d+|length-controlled win[ -]rate|[Ww]in[ -]?[Rr]ates?|LC|WR"
    r"|[Ee]xact[ -][Mm]atch|EM|[Aa]ccuracy|Acc\.?|F1(?: score)?|BLEU(?:-4)?|ROUGE(?:-[12L])?|[Pp]erplexity|[Rr]eward"
    r"|[Ss]cores?|MC[12])(?![A-Za-z])"
)
BASE_ROW = re.compile(
    r"\b(?:base(?: model)?|baseline|pre-?trained|original|initial|backbone|zero-?shot|few-?shot|vanilla"
    r"|(?:no|without|before) (?:training|fine-?tuning|rl))\b",
    re.IGNORECASE,
)
OURS = re.compile(r"\bours?\b", re.IGNORECASE)
