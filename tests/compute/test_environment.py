"""Only what is known to be harmless reaches a run."""

from __future__ import annotations

from labwright.compute import scrubbed


def test_tokens_proxies_and_unknown_names_do_not_pass() -> None:
    source = {
        "HF_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "https_proxy": "http://user:secret@proxy",
        "SOMETHING_NEW": "secret",
        "SSH_AUTH_SOCK": "/secret",
        "HOME": "/home/secret",
        "PYTHONPATH": "/secret",
        "LD_PRELOAD": "/secret.so",
    }
    assert "secret" not in " ".join(scrubbed(source, {}).values())


def test_useful_settings_pass_and_hubs_are_offline() -> None:
    made = scrubbed({"OMP_NUM_THREADS": "2", "LC_ALL": "C", "PATH": "/bin"}, {})
    assert (made["OMP_NUM_THREADS"], made["LC_ALL"], made["PATH"]) == ("2", "C", "/bin")
    assert made["HF_HUB_OFFLINE"] == made["TRANSFORMERS_OFFLINE"] == "1"


def test_what_a_person_granted_wins() -> None:
    assert scrubbed({"HF_TOKEN": "other"}, {"HF_TOKEN": "granted", "HOME": "/x"})["HF_TOKEN"] == "granted"
