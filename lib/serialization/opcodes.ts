// The opcodes of pickle's protocol 2: those that Python's weights_only reader knows, and the names of all others.

export const APPEND = 0x61
export const APPENDS = 0x65
export const BINFLOAT = 0x47
export const BINGET = 0x68
export const BININT = 0x4a
export const BININT1 = 0x4b
export const BININT2 = 0x4d
export const BINPERSID = 0x51
export const BINPUT = 0x71
export const BINUNICODE = 0x58
export const BUILD = 0x62
export const EMPTY_DICT = 0x7d
export const EMPTY_LIST = 0x5d
export const EMPTY_SET = 0x8f
export const EMPTY_TUPLE = 0x29
export const GLOBAL = 0x63
export const LONG1 = 0x8a
export const LONG_BINGET = 0x6a
export const LONG_BINPUT = 0x72
export const MARK = 0x28
export const NEWFALSE = 0x89
export const NEWOBJ = 0x81
export const NEWTRUE = 0x88
export const NONE = 0x4e
export const PROTO = 0x80
export const REDUCE = 0x52
export const SETITEM = 0x73
export const SETITEMS = 0x75
export const SHORT_BINSTRING = 0x55
export const STOP = 0x2e
export const TUPLE = 0x74
export const TUPLE1 = 0x85
export const TUPLE2 = 0x86
export const TUPLE3 = 0x87

const OTHERS: Readonly<Record<number, string>> = {
  48: 'POP',
  49: 'POP_MARK',
  50: 'DUP',
  66: 'BINBYTES',
  67: 'SHORT_BINBYTES',
  70: 'FLOAT',
  73: 'INT',
  76: 'LONG',
  80: 'PERSID',
  83: 'STRING',
  84: 'BINSTRING',
  86: 'UNICODE',
  100: 'DICT',
  103: 'GET',
  105: 'INST',
  108: 'LIST',
  111: 'OBJ',
  112: 'PUT',
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  139: 'LONG4',
  140: 'SHORT_BINUNICODE',
  141: 'BINUNICODE8',
  142: 'BINBYTES8',
  144: 'ADDITEMS',
  145: 'FROZENSET',
  146: 'NEWOBJ_EX',
  147: 'STACK_GLOBAL',
  148: 'MEMOIZE',
  149: 'FRAME',
  150: 'BYTEARRAY8',
  151: 'NEXT_BUFFER',
  152: 'READONLY_BUFFER',
}

/** An opcode that is not read, for a message. */
export const nameOfOpcode = (opcode: number): string => OTHERS[opcode] ?? `0x${opcode.toString(16).padStart(2, '0')}`
