"""What Python's safetensors makes of damaged and unusual files, and the files that it writes, as
test/fixtures/safetensors.json.

Run with the pinned torch and safetensors 0.8: python3 scripts/reference/safetensors_files.py
"""

import base64
import json
import pathlib
import struct
import tempfile

import safetensors
import torch
from safetensors.torch import load_file, save, save_file, save_model

FOLDER = pathlib.Path(__file__).parent.parent.parent / "test" / "fixtures"
X = '"dtype":"F32","shape":[2],"data_offsets":[0,8]'
DATA = bytes(range(1, 9))


def file(header, data=DATA):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(name="x", dtype='"F32"', shape="[2]", offsets="[0,8]", more=""):
    return f'"{name}":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{more}}}'


def one(data=DATA, **fields):
    return file("{" + entry(**fields) + "}", data)


def with_metadata(text):
    return file(f'{{"__metadata__":{text},{entry()}}}')


CASES = {
    "a plain file": one(), "nothing at all": b"", "seven bytes": bytes(7), "a header of no length": bytes(8),
    "no tensors": file("{}", b""), "no tensors, but data": file("{}"), "a header that is an array": file("[]", b""),
    "a header that is a number": file("3", b""), "a header that is a string": file('"x"', b""),
    "a header that is null": file("null", b""), "a header that is no JSON": file("{broken", b""),
    "another kind of file": b"PK\x03\x04 something else entirely",
    "a header longer than the file": struct.pack("<Q", 1000) + b"{}",
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header above the limit": struct.pack("<Q", 100_000_001) + b"{}",
    "spaces before the header": file("  \t\r\n{" + entry() + "}"), "spaces behind it": file("{" + entry() + "}   "),
    "zeros behind it": file("{" + entry() + "}\0\0"), "a second value behind it": file("{" + entry() + "} {}"),
    "a comment": file("{" + entry() + "}//"), "a trailing comma": file("{" + entry() + ",}"),
    "a byte order mark": file(b"\xef\xbb\xbf{" + entry().encode() + b"}"),
    "a vertical tab": file("\v{" + entry() + "}"), "NaN": one(more=',"a":NaN'), "Infinity": one(more=',"a":Infinity'),
    "a number out of range": one(more=',"a":1e999'), "a number that starts with 0": one(shape="[02]"),
    "a number with +": one(shape="[+2]"), "single quotes": file("{'x':1}"), "True": one(more=',"a":True'),
    # names
    "the same entry twice": file("{" + entry() + "," + entry() + "}"),
    "one name for two entries": file("{" + entry() + "," + entry(shape="[1]", offsets="[8,12]") + "}", bytes(12)),
    "a field twice": one(more=',"dtype":"F32"'), "metadata twice": file('{"__metadata__":{},"__metadata__":{},' + entry() + "}"),
    "one name twice in the metadata": with_metadata('{"a":"1","a":"2"}'),
    "a tensor called __proto__": one(name="__proto__"), "a tensor called constructor": one(name="constructor"),
    "a tensor called __metadata__": one(name="__metadata__"), "a tensor without a name": one(name=""),
    "a name with a zero": one(name="a\\u0000b"), "a name with a line break": one(name="a\nb"),
    "a name of two surrogates": one(name="\\ud83d\\ude00"), "half a pair": one(name="\\ud83d"),
    "the other half": one(name="\\ude00"), "half a pair in the metadata": with_metadata('{"a":"\\udc00"}'),
    "half a pair in a field that nobody reads": one(more=',"a":"\\ud800"'), "an unknown escape": one(name="\\x41"),
    "bytes that are no UTF-8": file(b'{"\xff":{' + X.encode() + b"}}"),
    "surrogates in UTF-8": file(b'{"\xed\xa0\x80":{' + X.encode() + b"}}"),
    # metadata
    "empty metadata": with_metadata("{}"), "metadata": with_metadata('{"a":"1","__proto__":"2"}'),
    "null as metadata": with_metadata("null"), "a number in the metadata": with_metadata('{"a":1}'),
    "null in the metadata": with_metadata('{"a":null}'), "an array as metadata": with_metadata("[]"),
    "a string as metadata": with_metadata('"a"'), "an object in the metadata": with_metadata('{"a":{}}'),
    # entries
    "an entry that is null": file('{"x":null}', b""), "an entry that is a number": file('{"x":3}', b""),
    "an entry that is an array": file('{"x":["F32",[2],[0,8]]}'), "more fields": one(more=',"a":[1.5,{"b":null}]'),
    "no dtype": file('{"x":{"shape":[2],"data_offsets":[0,8]}}'), "no shape": file('{"x":{"dtype":"F32","data_offsets":[0,8]}}'),
    "no place": file('{"x":{"dtype":"F32","shape":[2]}}'), "an unknown dtype": one(dtype='"F7"'),
    "a dtype in small letters": one(dtype='"f32"'), "a dtype that is a number": one(dtype="17"),
    "a dtype that is an object": one(dtype='{"F32":null}'), "a dtype that is null": one(dtype="null"),
    "a shape that is null": one(shape="null"), "a shape that is a number": one(shape="2"),
    "a shape that is an object": one(shape='{"0":2}'), "a size that is a string": one(shape='["2"]'),
    "a size of 2.0": one(shape="[2.0]"), "a size of 2e0": one(shape="[2e0]"), "a negative size": one(shape="[-2]"),
    "a size of -0": one(b"", shape="[-0]", offsets="[0,0]"), "a size that is null": one(shape="[null]"),
    "no dimensions": one(DATA[:4], shape="[]", offsets="[0,4]"), "a scalar of 8 bytes": one(shape="[]"),
    "a size beyond 2^53": one(b"", shape="[0,9007199254740993]", offsets="[0,0]"),
    "a size beyond 64 bits": one(b"", shape="[0,18446744073709551616]", offsets="[0,0]"),
    "sizes that overflow": one(b"", shape="[4294967296,4294967296]", offsets="[0,0]"),
    "sizes that overflow before a 0": one(b"", shape="[9223372036854775808,2,0]", offsets="[0,0]"),
    "sizes whose bytes overflow": one(b"", shape="[4611686018427387904]", offsets="[0,0]"),
    "F4": one(DATA[:1], dtype='"F4"', offsets="[0,1]"), "half a byte": one(DATA[:2], dtype='"F4"', shape="[3]", offsets="[0,2]"),
    "F4 of an odd last size": one(DATA[:3], dtype='"F4"', shape="[2,3]", offsets="[0,3]"),
    "F4 of two sizes": one(DATA[:6], dtype='"F4"', shape="[3,4]", offsets="[0,6]"),
    "F4 with a last size of 1": one(DATA[:2], dtype='"F4"', shape="[4,1]", offsets="[0,2]"),
    "F4 without numbers": one(b"", dtype='"F4"', shape="[2,0]", offsets="[0,0]"),
    "F4 without dimensions": one(b"", dtype='"F4"', shape="[]", offsets="[0,0]"),
    "F6": one(DATA[:3], dtype='"F6_E2M3"', shape="[4]", offsets="[0,3]"),
    "F8_E8M0": one(DATA[:2], dtype='"F8_E8M0"', offsets="[0,2]"),
    # places
    "one offset": one(offsets="[0]"), "three offsets": one(offsets="[0,8,8]"), "offsets that are strings": one(offsets='["0","8"]'),
    "offsets that are floats": one(offsets="[0.0,8.0]"), "negative offsets": one(offsets="[-8,0]"),
    "offsets the wrong way round": one(offsets="[8,0]"), "an end before the beginning of 0 bytes": one(shape="[0]", offsets="[8,0]"),
    "offsets that do not fit the shape": one(offsets="[0,4]"), "offsets beyond the file": one(shape="[200]", offsets="[0,800]"),
    "offsets beyond 64 bits": one(offsets="[0,18446744073709551624]"), "a file that is cut off": one(DATA[:7]),
    "a byte behind the data": one(DATA + b"\0"), "a hole at the beginning": one(bytes(12), offsets="[4,12]"),
    "a hole between": file("{" + entry() + "," + entry("y", '"U8"', "[1]", "[9,10]") + "}", bytes(10)),
    "an overlap": file("{" + entry() + "," + entry("y", '"U8"', "[1]", "[7,8]") + "}"),
    "two names for one place": file("{" + entry() + "," + entry("y") + "}"),
    "entries in another order": file("{" + entry("y", '"U8"', "[1]", "[8,9]") + "," + entry() + "}", DATA + b"\7"),
    "empty tensors at both ends": file("{" + entry("a", shape="[0]", offsets="[0,0]") + "," + entry() + "," + entry("z", shape="[0]", offsets="[8,8]") + "}"),
    "an empty tensor inside another": file("{" + entry() + "," + entry("z", shape="[0]", offsets="[4,4]") + "}"),
}
for depth in (120, 124, 125, 126, 127, 128, 200, 100_000):
    CASES[f"a field nested {depth} deep"] = one(more=f',"a":{"[" * depth}{"]" * depth}')
for code, size in {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1, "I16": 2,
                   "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "C64": 8, "F64": 8, "I64": 8, "U64": 8}.items():
    CASES[code] = one(bytes([1, 0, 0, 1, 1, 0, 1, 1] * 2)[: 2 * size], dtype=f'"{code}"', offsets=f"[0,{2 * size}]")


def encoded(content):
    return base64.b64encode(content).decode()


def values(tensor):
    content = tensor.contiguous().flatten().view(torch.uint8) if tensor.numel() > 0 else tensor.new_empty(0, dtype=torch.uint8)
    return {"dtype": str(tensor.dtype), "shape": [str(size) for size in tensor.shape], "bytes": encoded(bytes(content.tolist()))}


def verdict(path):
    try:
        tensors = load_file(path)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    with safetensors.safe_open(path, "pt") as opened:
        shown = {"keys": opened.keys(), "offset_keys": opened.offset_keys(), "metadata": opened.metadata()}
    return {"tensors": {name: values(tensor) for name, tensor in tensors.items()}, **shown}


SLICES = ["0", "1:", "::2", ":, 1", "...", "..., 0", "0, 0, 0", "-1", "None", "5", "0:9", "2:1", ":, ::2", "-2:", "0, 0, 0, 0",
          ":, :, -1:", "1, :, 1:3"]


def sliced(path, name, index):
    with safetensors.safe_open(path, "pt") as opened:
        part = opened.get_slice(name)
        try:
            result = values(eval(f"part[{index}]"))
        except Exception as error:
            result = {"error": type(error).__name__}
        return {"name": name, "index": index, "listed_shape": part.get_shape(), "listed_dtype": part.get_dtype(), **result}


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(3, 2)
        self.decoder = torch.nn.Linear(2, 3)
        self.decoder.weight = self.embedding.weight
        with torch.no_grad():
            self.embedding.weight.copy_(torch.arange(6.0).view(3, 2))
            self.decoder.bias.copy_(torch.arange(3.0))


with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "a.safetensors"
    read = []
    for name, content in CASES.items():
        path.write_bytes(content)
        # The deepest one is longer than all others together, so the test makes it itself.
        read.append({"name": name, **({"depth": 100_000} if "100000" in name else {"file": encoded(content)}), **verdict(path)})
    save_model(Tied(), path)
    model = encoded(path.read_bytes())
    save_file({"x": torch.arange(24.0).view(2, 3, 4), "bytes": torch.arange(6, dtype=torch.uint8).view(3, 2), "one": torch.tensor(3.0)}, path)
    slices = [sliced(path, "x", index) for index in SLICES]
    slices += [sliced(path, "bytes", "1:"), sliced(path, "one", "..."), sliced(path, "one", "0"), sliced(path, "one", ":")]

counting = lambda dtype, *shape: torch.arange(torch.Size(shape).numel()).to(dtype).view(shape)
tensors = {
    "é": counting(torch.float32, 2, 2), "z\"\\/": counting(torch.float32, 3), "\U0001f600": counting(torch.float32, 1),
    "\uffee": counting(torch.float32, 1), "a\n\x01\x7f": counting(torch.float32, 1), "b": counting(torch.bool, 2),
    "u8": counting(torch.uint8, 3), "i8": counting(torch.int8, 3), "e5": counting(torch.float8_e5m2, 3), "e4": counting(torch.float8_e4m3fn, 3),
    "e4z": counting(torch.float8_e4m3fnuz, 3), "e5z": counting(torch.float8_e5m2fnuz, 3), "i16": counting(torch.int16, 3),
    "u16": counting(torch.uint16, 3), "f16": counting(torch.float16, 3), "bf16": counting(torch.bfloat16, 3), "i32": counting(torch.int32, 3),
    "u32": counting(torch.uint32, 3), "c64": counting(torch.complex64, 3), "f64": counting(torch.float64, 3), "i64": counting(torch.int64, 3),
    "u64": counting(torch.uint64, 3), "e8": counting(torch.float8_e8m0fnu, 3),
    "f4": counting(torch.uint8, 2, 3).view(torch.float4_e2m1fn_x2), "scalar": counting(torch.float64), "empty": torch.zeros(0, 3), "__proto__": counting(torch.float32, 2),
}
written = [
    {"names": names, "metadata": metadata, "file": encoded(save({name: tensors[name] for name in names}, metadata))}
    for names, metadata in [(list(tensors), None), (list(tensors)[::-1], {"a\"\n": "ünïcode \U0001f600"}), ([], None)]
]
target = FOLDER / "safetensors.json"
target.write_text(json.dumps({"version": safetensors.__version__, "read": read, "written": written,
                              "tensors": {name: values(tensor) for name, tensor in tensors.items()}, "model": model, "slices": slices}, indent=1) + "\n")
print(len(read), sum("error" in case for case in read), target.stat().st_size)
