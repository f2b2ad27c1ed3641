// The messages in TensorBoard's event files, by the names and numbers of their fields in TensorBoard's .proto files, as
// far as they are written here. protobufjs encodes them.

import { needed } from './packages.js'

const PROTO = `
syntax = "proto3";
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what {
    string file_version = 3;
    Summary summary = 5;
    SessionLog session_log = 7;
  }
  SourceMetadata source_metadata = 10;
}
message SourceMetadata { string writer = 1; }
message SessionLog { int32 status = 1; }
message Summary { repeated Value value = 1; }
message Value {
  string tag = 1;
  oneof value {
    float simple_value = 2;
    Image image = 4;
    Histogram histo = 5;
    Audio audio = 6;
    Tensor tensor = 8;
  }
  Metadata metadata = 9;
}
message Metadata { PluginData plugin_data = 1; }
message PluginData { string plugin_name = 1; bytes content = 2; }
message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
message Audio {
  float sample_rate = 1;
  int64 num_channels = 2;
  int64 length_frames = 3;
  bytes encoded_audio_string = 4;
  string content_type = 5;
}
message Histogram {
  double min = 1;
  double max = 2;
  double num = 3;
  double sum = 4;
  double sum_squares = 5;
  repeated double bucket_limit = 6;
  repeated double bucket = 7;
}
message Tensor {
  int32 dtype = 1;
  Shape tensor_shape = 2;
  repeated float float_val = 5;
  repeated double double_val = 6;
  repeated int32 int_val = 7;
  repeated bytes string_val = 8;
  repeated float scomplex_val = 9;
  repeated int64 int64_val = 10;
  repeated bool bool_val = 11;
  repeated double dcomplex_val = 12;
  repeated int32 half_val = 13;
  repeated uint32 uint32_val = 16;
}
message Shape { repeated Dim dim = 2; }
message Dim { int64 size = 1; }

message TextPluginData { int32 version = 1; }
message PrCurvePluginData { int32 version = 1; uint32 num_thresholds = 2; }
message MeshPluginData {
  int32 version = 1;
  string name = 2;
  int32 content_type = 3;
  string json_config = 5;
  repeated int32 shape = 6;
  uint32 components = 7;
}

message Layout { int32 version = 1; repeated Category category = 2; }
message Category { string title = 1; repeated Chart chart = 2; }
message Chart {
  string title = 1;
  oneof content {
    Multiline multiline = 2;
    Margin margin = 3;
  }
}
message Multiline { repeated string tag = 1; }
message Margin { repeated Series series = 1; }
message Series { string value = 1; string lower = 2; string upper = 3; }

message HParamsPluginData {
  int32 version = 1;
  oneof data {
    Experiment experiment = 2;
    SessionStart session_start_info = 3;
    SessionEnd session_end_info = 4;
  }
}
message Experiment { repeated HParamInfo hparam_infos = 4; repeated MetricInfo metric_infos = 5; }
message HParamInfo { string name = 1; int32 type = 4; ListValue domain_discrete = 5; }
message MetricInfo { MetricName name = 1; }
message MetricName { string tag = 2; }
message SessionStart { map<string, Scalar> hparams = 1; }
message SessionEnd { int32 status = 1; }
message ListValue { repeated Scalar values = 1; }
message Scalar {
  oneof kind {
    double number_value = 2;
    string string_value = 3;
  }
}
`

/** What is used of protobufjs. */
interface Protobuf {
  parse(source: string, options: { keepCase: boolean }): { root: { lookupType(name: string): MessageType } }
  util: { Long: { fromString(text: string): unknown } }
}

interface MessageType {
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
  toObject(message: object, options: object): Record<string, unknown>
}

let protobuf: Protobuf | undefined
let root: { lookupType(name: string): MessageType } | undefined

function typeNamed(name: string): MessageType {
  protobuf ??= needed<Protobuf>('protobufjs', 'event files')
  root ??= protobuf.parse(PROTO, { keepCase: true }).root
  return root.lookupType(name)
}

/** A message's bytes; its fields are an object's. */
export const encode = (type: string, fields: object): Uint8Array => typeNamed(type).encode(fields).finish()

/** A message's fields, from its bytes: numbers of 64 bits as strings. */
export const decode = (type: string, bytes: Uint8Array): Record<string, unknown> =>
  typeNamed(type).toObject(typeNamed(type).decode(bytes), { longs: String, oneofs: false })

/** An integer of 64 bits as protobufjs takes it. */
export function int64(value: number | bigint): unknown {
  if (Number.isSafeInteger(value)) return value
  typeNamed('Event')
  return (protobuf as Protobuf).util.Long.fromString(String(value))
}
