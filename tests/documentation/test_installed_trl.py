"""The check and the lookup on the TRL, Transformers and PEFT that are installed with the `train` extra."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.documentation.packages import problems

from labwright.contracts.errors import UsageError
from labwright.documentation import InstalledDocs

pytestmark = pytest.mark.skipif(find_spec("trl") is None, reason="needs the train extra")

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.py"))


@pytest.fixture(scope="module")
def docs() -> InstalledDocs:
    return InstalledDocs()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("from trl import SFTTrainer\nSFTTrainer('m', tokenizer=1)", "`processing_class` takes such a thing"),
        ("from transformers import Trainer\nTrainer(tokenizer=1)", "`processing_class` takes such a thing"),
        ("from trl import SFTConfig\nSFTConfig(max_seq_length=9)", "did you mean `max_length`?"),
        ("from trl import SFTTrainer\nSFTTrainer('m', max_seq_length=9)", "`SFTConfig` has `max_length`"),
        ("from trl import SFTTrainer\nSFTTrainer('m', dataset_text_field='text')", "`SFTConfig` takes it"),
        ("from trl import DPOTrainer\nDPOTrainer('m', beta=0.1)", "`DPOConfig` takes it"),
        (
            "from transformers import TrainingArguments\nTrainingArguments('o', evaluation_strategy='no')",
            "did you mean `eval_strategy`",
        ),
        ("from trl import DataCollatorForCompletionOnlyLM", "`trl` has no `DataCollatorForCompletionOnlyLM`"),
        ("import trl.trainer.ppo_config", "`trl.trainer` has no module `ppo_config`"),
        ("from peft import prepare_model_for_int8_training", "did you mean `prepare_model_for_kbit_training`?"),
        ("from peft import LoraConfig\nLoraConfig(target_module=['q'])", "did you mean `target_modules`?"),
        ("from trl import SFTTrainer\nt = SFTTrainer('m')\nt.train(resume=True)", "`Trainer.train` takes no argument"),
        (
            "from transformers import AutoModelForCausalLM as M\nM.from_pretrained('m', load_in_4bit=True)",
            "`quantization_config=BitsAndBytesConfig(load_in_4bit=…)` takes it",
        ),
        (
            "from transformers import AutoModelForCausalLM as M\nM.from_pretrained('m', torch_dtype='auto')",
            "`torch_dtype` of `AutoModelForCausalLM.from_pretrained` is deprecated",
        ),
        (
            "from transformers import AutoTokenizer\nAutoTokenizer.from_pretrained('m', use_fastt=True)",
            "did you mean `use_fast`?",
        ),
        ("from transformers import GenerationConfig\nGenerationConfig(max_new_token=9)", "mean `max_new_tokens`?"),
        ("from datasets import load_dataset\nload_dataset('d', splitt='train')", "did you mean `split`?"),
        ("from datasets import Dataset\nDataset.from_list([]).map(print, batchd=True)", "did you mean `batched`?"),
        ("from trl import *\nDPOConfig('o', loss_typ='ipo')", "did you mean `loss_type`?"),
        ("import torch\ntorch.optim.AdamW([], learning_rate=1)", "`AdamW` takes no argument `learning_rate`"),
        ("import torch\ntorch.cuda.is_availabel()", "did you mean `is_available`?"),
        ("from trl import SFTConfig\nSFTConfig(pad_token='x')", "`pad_token` of `SFTConfig` is deprecated"),
    ],
)
def test_what_models_remember_of_older_versions_is_found(docs: InstalledDocs, script: str, expected: str) -> None:
    found = problems(docs, script)
    assert len(found) == 1
    assert expected in found[0]


def test_an_argument_that_a_class_no_longer_takes_is_answered_with_the_one_it_takes(docs: InstalledDocs) -> None:
    with pytest.raises(UsageError) as raised:
        docs.lookup("SFTConfig.max_seq_length")
    assert raised.value.what.startswith("`trl.SFTConfig` takes no argument `max_seq_length`")
    assert raised.value.cure == "did you mean `max_length`?"


def test_a_right_script_has_no_problems(docs: InstalledDocs) -> None:
    script = """
        import torch
        from datasets import load_dataset
        from peft import LoraConfig, get_peft_model
        from transformers import AlbertModel, AutoModelForCausalLM, AutoTokenizer, LlamaTokenizerFast
        from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

        tokenizer = AutoTokenizer.from_pretrained("m", padding_side="left")
        model = AutoModelForCausalLM.from_pretrained("m", dtype=torch.bfloat16, num_labels=2, device_map="auto")
        remote = AutoModelForCausalLM.from_pretrained("m", trust_remote_code=True, anything="goes")
        data = load_dataset("d", split="train", some_option=1)
        peft = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
        config = SFTConfig("out", max_length=512, packing=True, per_device_train_batch_size=4, report_to="none")
        trainer = SFTTrainer(model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=peft)
        trainer.train(resume_from_checkpoint=True)
        trainer.save_model("out")
        trainer.model.anything()
        print(torch.cuda.is_available(), torch.nn.functional.relu, torch.float16)
        """
    assert problems(docs, script) == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_our_own_recipes_have_no_problems(docs: InstalledDocs, recipe: Path) -> None:
    assert problems(docs, recipe.read_text(), recipe) == []


@pytest.mark.parametrize("package", ["trl/scripts", "peft/tuners/lora"])
def test_no_false_alarms_on_the_packages_own_sources(docs: InstalledDocs, package: str) -> None:
    located = docs.environment.find(package.partition("/")[0])
    assert located is not None
    folder = located.package[0].joinpath(*package.split("/")[1:])
    for file in sorted(folder.glob("*.py")):
        wrong = [
            one for one in docs.check(file.read_text(), file) if one.is_error and "is not installed" not in one.what
        ]
        assert wrong == [], file


def test_a_lookup_from_cold_takes_seconds_and_imports_nothing() -> None:
    code = (
        "import sys, time\n"
        "from labwright.documentation import InstalledDocs\n"
        "doc = InstalledDocs().lookup('trl.SFTConfig')\n"
        "assert len(doc.signature.parameters) > 100\n"
        "assert doc.signature.named('learning_rate').default == '2e-05'\n"
        "assert doc.signature.named('adam_beta1').inherited_from == 'transformers.training_args.TrainingArguments'\n"
        "assert not {'torch', 'trl', 'transformers', 'trafilatura', 'griffe'} & set(sys.modules)\n"
        "assert time.process_time() < 60"  # two seconds; of its own work, however busy the machine is
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
