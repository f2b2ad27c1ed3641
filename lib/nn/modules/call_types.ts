// The types by which a call of a module is a call of its forward.

/** Whether T is any. */
export type IfAny<T, Yes, No> = 0 extends 1 & T ? Yes : No

/** Nothing; what is not known yet for a type parameter. */
type Nothing<This> = This extends { readonly __unknown: never } ? [never] : []

/**
 * Yes while `This` is open: in the class itself, where a call of `this` must compile although nobody knows yet what a
 * subclass's forward takes, and of a module whose class is a type parameter. TypeScript then compares with the branch
 * that may be the right one for some class, and finds only Yes.
 */
export type IfOpen<This, Yes, No> = [...Nothing<This>] extends [] ? No : Yes

// biome-ignore lint/suspicious/noExplicitAny: of any function
export type AnyFunction = (...args: any[]) => any

/** The class does not declare `forward` itself: a subclass then needs no `override` for it, as in Python. */
export type Forward<This> = This extends { forward: infer F extends AnyFunction } ? F : AnyFunction

/** The arguments after the first one, where a function's result has the first one's type. */
export type Rest<A> = A extends readonly [unknown, ...infer R] ? R : never
