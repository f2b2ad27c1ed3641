"""Folders of tiny GPT-2 models as Hugging Face's transformers write them, and what Python makes of them: logits, the
tokens that are generated, and the tokenizer's numbers. test/gpt2.test.ts loads the same folders by examples/gpt2.ts.

Needs pip install transformers tokenizers safetensors beside torch.
"""

import contextlib
import shutil

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from fixtures import FOLDER, write_compact
from gpt import apart, clear

TEXT = [
    "A tensor has a shape, a dtype and a device.",
    "The network reads the text, character by character, and guesses what comes next.",
    "The gradient of the loss says how each weight should change; the optimizer changes it.",
    "A recurrent network keeps a state; the state is all that it remembers of the text.",
    "Training goes on until the loss no longer shrinks.",
]
# Also bytes that no merge knows: letters with accents, other scripts, emoji, spaces in a row, contractions.
PROMPTS = [
    *["The network", "A state is what it", " the loss's   gradient\n\n", "Größe, 形状, форма 🔥", "It'll say: 3.14 (or 42)!"],
    *["<|endoftext|>The text<|endoftext|>", "\tx\u00a0y  "],
]


def tokenizer():
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    trained.train_from_iterator(TEXT, trainer)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=trained, bos_token=end, eos_token=end, unk_token=end)


def make(name, seed, shard, dtype=torch.float32, **settings):
    """Saves a random model; its weights are large, so that its guesses differ clearly."""
    config = GPT2Config(
        vocab_size=320, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3, bos_token_id=0, eos_token_id=0
    )
    config.update(settings)
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(config).to(dtype)
    # Else norms and biases are ones and zeros, which could be anywhere.
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data.add_(torch.empty(parameter.shape).normal_(0, 0.1).to(dtype))
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size=shard)
    (folder / "generation_config.json").unlink()
    return folder


@contextlib.contextmanager
def certain():
    """Fails where rounding could change a choice."""
    multinomial, topk, argmax = torch.multinomial, torch.topk, torch.argmax

    def clearly(logits, dim):
        first, second = logits.topk(2).values.unbind(-1)
        assert (first - second).min() > 1e-3, "take another seed"
        return argmax(logits, dim=dim)

    torch.multinomial = clear(multinomial)
    torch.topk = lambda logits, k: (apart(topk)(logits, k) if k < logits.size(-1) else topk(logits, k))
    torch.argmax = clearly
    yield
    torch.multinomial, torch.topk, torch.argmax = multinomial, topk, argmax


def generate(model, ids, seed=None, **settings):
    if seed is not None:
        torch.manual_seed(seed)
    with certain():
        # Without their defaults, which come from a file where a model has one.
        out = model.generate(torch.tensor(ids), attention_mask=torch.ones(len(ids), len(ids[0]), dtype=torch.long), **settings)
    return {"ids": ids, "seed": seed, **settings, "tokens": out.tolist()}


def sample(model, ids, **settings):
    """With the first seed by which no choice is a close one."""
    for seed in range(1, 100):
        with contextlib.suppress(AssertionError):
            return generate(model, ids, seed, do_sample=True, **settings)
    raise RuntimeError("no seed is clear")


def outputs(folder, dtype, ids):
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=dtype).eval()
    model.generation_config.pad_token_id = 0
    model.generation_config.top_k = 0
    with torch.no_grad():
        logits = model(torch.tensor(ids)).logits.float()
    # As long as the model's positions last.
    full = model.config.n_positions - len(ids[0])
    greedy = [generate(model, ids, do_sample=False, max_new_tokens=24), generate(model, ids[:1], do_sample=False, max_new_tokens=full)]
    sampled = [
        sample(model, ids, max_new_tokens=24, temperature=1.0, top_k=0),
        sample(model, ids, max_new_tokens=24, temperature=0.7, top_k=0),
        sample(model, ids[:1], max_new_tokens=40, temperature=2.5, top_k=5),
        sample(model, ids[1:], max_new_tokens=24, temperature=4.0, top_k=40),
    ]
    # The end of a text is among them, in a row of its own, before the others are done.
    greedy = [*greedy, ending(model, ids, greedy[0]["tokens"])]
    return {
        "parameters": [[name, list(p.shape)] for name, p in model.named_parameters()],
        "count": sum(p.numel() for p in model.parameters()),
        "logits": {"shape": list(logits.shape), "data": [float(f"{x:.6g}") for x in logits[:, :, ::20].flatten().tolist()]},
        "generated": [*greedy, *sampled],
    }


def ending(model, ids, tokens):
    """The same with a token that the first row alone has, as the one that ends a text."""
    [first, second] = [row[len(ids[0]) :] for row in tokens]
    end = next(token for token in first[3:] if token not in second)
    return generate(model, ids, do_sample=False, max_new_tokens=24, eos_token_id=end, pad_token_id=end)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    tokens = tokenizer()
    plain = make("gpt2", seed=11, shard="60KB")
    tokens.save_pretrained(plain)
    ids = [tokens("The network reads")["input_ids"][:4], tokens("A state of the text")["input_ids"][:4]]
    # What few models change, all of it: no tied weights, other widths, scales and functions, half the precision.
    other = make(
        "gpt2_other",
        seed=5,
        shard="1GB",
        dtype=torch.bfloat16,
        **{"n_embd": 24, "n_head": 3, "n_inner": 40, "n_layer": 3, "activation_function": "relu", "layer_norm_epsilon": 1e-3},
        **{"tie_word_embeddings": False, "scale_attn_by_inverse_layer_idx": True, "n_positions": 48, "vocab_size": 100},
    )
    models = {
        "gpt2": outputs(plain, torch.float32, ids),
        "gpt2_other": outputs(other, torch.float32, [[5, 17, 99, 3], [40, 41, 42, 2]]),
    }
    # What the program prints, as it draws and without.
    model = GPT2LMHeadModel.from_pretrained(plain).eval()
    text = "A state of the text"
    [greedy, drawn] = [
        generate(model, [tokens(text)["input_ids"]], do_sample=False, max_new_tokens=40),
        sample(model, [tokens(text)["input_ids"]], max_new_tokens=40, temperature=1.5, top_k=50),
    ]
    printed = [
        {"prompt": text, **{key: made.get(key) for key in ("seed", "temperature", "top_k")}, "text": tokens.decode(made["tokens"][0], skip_special_tokens=True)}
        for made in [greedy, drawn]
    ]
    encoded = [{"text": text, "ids": tokens(text)["input_ids"]} for text in PROMPTS]
    read = [{**entry, "decoded": tokens.decode(entry["ids"])} for entry in encoded]
    write_compact("gpt2.json", {"cases": {"transformers": transformers.__version__, "tokenizer": read, **models, "printed": printed}}, "cases")
