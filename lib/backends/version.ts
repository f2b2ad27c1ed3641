import { native } from '../core/native.js'

/** torch.__version__: the version of the loaded libtorch. */
export const version: string = native.libtorch_version
