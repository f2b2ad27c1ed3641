"""Reads event files with TensorBoard's own reader (event_accumulator), and prints what is in them as JSON.

Called by scripts/tensorboard/run.ts: python3 scripts/tensorboard/read.py FOLDER
"""

import json
import pathlib
import sys

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

root = pathlib.Path(sys.argv[1])
runs = {}
for folder in sorted({file.parent for file in root.rglob("events.out.tfevents.*")}):
    # The older reader has scalars, histograms, images and sounds as they are written, the newer one tensors and plugins.
    old = event_accumulator.EventAccumulator(str(folder), size_guidance={name: 0 for name in event_accumulator.DEFAULT_SIZE_GUIDANCE})
    new = plugin_event_accumulator.EventAccumulator(str(folder), tensor_size_guidance={"text": 0}, size_guidance={"tensors": 0})
    old.Reload()
    new.Reload()
    run = {"scalars": {}, "histograms": {}, "images": {}, "audio": {}, "texts": {}, "hparams": {}}
    for tag in old.Tags()["scalars"]:
        run["scalars"][tag] = [[event.step, event.value, event.wall_time] for event in old.Scalars(tag)]
    for tag in old.Tags()["histograms"]:
        run["histograms"][tag] = [[event.step, event.histogram_value.num, event.histogram_value.sum,
                                   sum(event.histogram_value.bucket)] for event in old.Histograms(tag)]
    for tag in old.Tags()["images"]:
        run["images"][tag] = [[event.step, event.width, event.height, len(event.encoded_image_string)]
                              for event in old.Images(tag)]
    for tag in old.Tags()["audio"]:
        run["audio"][tag] = [[event.step, event.sample_rate, event.length_frames] for event in old.Audio(tag)]
    for tag in new.PluginTagToContent("text") if "text" in new.ActivePlugins() else {}:
        run["texts"][tag] = [[event.step, tensor_util.make_ndarray(event.tensor_proto).item().decode()]
                             for event in new.Tensors(tag)]
    if "hparams" in new.ActivePlugins():
        for tag, content in new.PluginTagToContent("hparams").items():
            data = plugin_data_pb2.HParamsPluginData.FromString(content)
            for name, value in data.session_start_info.hparams.items():
                run["hparams"][name] = getattr(value, value.WhichOneof("kind"))
    runs[str(folder.relative_to(root))] = run
print(json.dumps(runs))
