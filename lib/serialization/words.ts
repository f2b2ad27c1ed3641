// What values are written as: Python's own words for them.

/** A call of a Python function. */
export class Call {
  constructor(
    readonly path: string,
    readonly args: readonly unknown[],
  ) {}
}

/** A name of Python's. */
export class Name {
  constructor(readonly path: string) {}
}

export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
}

export class List {
  constructor(readonly items: readonly unknown[]) {}
}

/** A number that is a float, also where it is whole. */
export class Float {
  constructor(readonly value: number) {}
}

/** What stands for a storage. */
export class PersistentId {
  constructor(readonly id: Tuple) {}
}

/** A dict with keys of any kind. */
export class Items {
  constructor(
    readonly entries: readonly (readonly [unknown, unknown])[],
    /** Whether it is an OrderedDict. */
    readonly ordered: boolean = false,
    /** The OrderedDict's attribute `_metadata`, where it is not null. */
    readonly metadata: unknown = null,
  ) {}
}

export type Word = Call | Name | Tuple | List | Float | PersistentId | Items

const WORDS = [Call, Name, Tuple, List, Float, PersistentId, Items]

export const isWord = (value: object): value is Word => WORDS.some((word) => value instanceof word)
