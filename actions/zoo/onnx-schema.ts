// The part of the ONNX file format that the zoo writes, and where a pulled model is looked into, declared for protobufjs.
// Field numbers are those of onnx.proto3 (github.com/onnx/onnx, IR version 8); what neither needs is left out.
import protobuf from 'protobufjs';

const schema = `
syntax = "proto3";
package onnx;
message StringStringEntryProto { string key = 1; string value = 2; }
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message TensorProto {
  repeated int64 dims = 1;
  int32 data_type = 2;
  string name = 8;
  bytes raw_data = 9;
  repeated StringStringEntryProto external_data = 13;
  int32 data_location = 14;
}
message AttributeProto {
  string name = 1;
  float f = 2;
  int64 i = 3;
  bytes s = 4;
  TensorProto t = 5;
  GraphProto g = 6;
  repeated float floats = 7;
  repeated int64 ints = 8;
  repeated TensorProto tensors = 10;
  repeated GraphProto graphs = 11;
  int32 type = 20;
}
message NodeProto {
  repeated string input = 1;
  repeated string output = 2;
  string name = 3;
  string op_type = 4;
  repeated AttributeProto attribute = 5;
  string domain = 7;
}
message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TypeProto { TensorTypeProto tensor_type = 1; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message SparseTensorProto { TensorProto values = 1; TensorProto indices = 2; }
message FunctionProto { repeated NodeProto node = 7; }
message GraphProto {
  repeated NodeProto node = 1;
  string name = 2;
  repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11;
  repeated ValueInfoProto output = 12;
  repeated SparseTensorProto sparse_initializer = 15;
}
message ModelProto {
  int64 ir_version = 1;
  string producer_name = 2;
  string producer_version = 3;
  GraphProto graph = 7;
  repeated OperatorSetIdProto opset_import = 8;
  repeated FunctionProto functions = 25;
}
`;

const root = protobuf.parse(schema, { keepCase: true }).root;
export const modelProto = root.lookupType('onnx.ModelProto');
export const graphProto = root.lookupType('onnx.GraphProto');
export const tensorProto = root.lookupType('onnx.TensorProto');

/** Field numbers that the streaming writer emits by hand, around weights that never are in memory all at once. */
export const fieldNumbers = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/** TensorProto.DataType. */
export const elementTypeCodes = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;
export type ElementType = keyof typeof elementTypeCodes;

/** AttributeProto.AttributeType. */
export const attributeTypeCodes = { float: 1, int: 2, text: 3, tensor: 4, floats: 6, ints: 7 } as const;

export const irVersion = 8;
export const opsetVersion = 17;
