// A package whose native part is one small file, and a libtorch of a few lines: they are downloaded, built, loaded and
// broken in seconds, by the set-up, the CMakeLists.txt and the loader of the real ones.

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'

/** The addon, by what it asks of its libtorch. */
const addon = (declarations: string, version: string, check: string): string => `
#include <node_api.h>
${declarations}

static napi_value nothing(napi_env, napi_callback_info) { return nullptr; }

NAPI_MODULE_INIT() {
  napi_value version, function;
  if (!(${check})) return nullptr;
  napi_create_string_utf8(env, ${version}, NAPI_AUTO_LENGTH, &version);
  napi_set_named_property(env, exports, "libtorch_version", version);
  const char* names[] = {"collect_garbage_by", "warn_by", "make_errors_by"};
  for (const char* name : names) {
    napi_create_function(env, name, NAPI_AUTO_LENGTH, nothing, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  }
  return exports;
}
`

const OF_SMALL = addon(
  'extern "C" const char* small_libtorch();\nextern "C" int small_c10();',
  'small_libtorch()',
  'small_c10() == 10',
)
/** Two functions, one of each library. */
const OF_REAL = addon(
  `#include <torch/headeronly/version.h>
namespace at { int get_num_threads(); }
namespace c10 { struct Allocator; Allocator* GetCPUAllocator(); }`,
  'TORCH_VERSION',
  'at::get_num_threads() > 0 && c10::GetCPUAllocator() != nullptr',
)

/** What the commands need of other packages. */
const NEEDS = ['commander', 'cmake-js', 'node-addon-api', 'node-api-headers']

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Makes node_modules/tstorch in a project's folder, with the compiled commands and loader as they are, and returns it. */
export function makeSmallPackage(project: string): string {
  const modules = join(project, 'node_modules')
  const folder = join(modules, 'tstorch')
  mkdirSync(folder, { recursive: true })
  for (const name of NEEDS) symlinkSync(join(packageRoot, 'node_modules', name), join(modules, name))
  for (const name of ['package.json', 'CMakeLists.txt', 'dist/lib/core', 'dist/scripts/cli.js', 'dist/scripts/setup'])
    cpSync(join(packageRoot, name), join(folder, name), { recursive: true })
  makeNativeSmall(folder, OF_SMALL)
  return folder
}

/** Replaces the native part of a package, so that it builds in seconds. It asks a real libtorch, if not told otherwise. */
export function makeNativeSmall(folder: string, source = OF_REAL): void {
  rmSync(join(folder, 'native'), { recursive: true, force: true })
  write(join(folder, 'native', 'torch.h'), '')
  write(join(folder, 'native', 'recurrent', 'kernels', 'kernels.cc'), '')
  write(join(folder, 'native', 'addon.cc'), source)
}

/** Makes a folder with lib, include and share that is a libtorch to all but those who compute. */
export function makeSmallLibtorch(folder: string, version: string): string {
  const numbers = version.split('.')
  const lines = ['MAJOR', 'MINOR', 'PATCH'].map((part, i) => `#define TORCH_VERSION_${part} ${numbers[i]}\n`)
  write(join(folder, 'include', 'torch', 'headeronly', 'version.h'), lines.join(''))
  write(join(folder, 'include', 'ATen', 'ATen.h'), '')
  write(join(folder, 'share', 'cmake', 'none'), '')
  mkdirSync(join(folder, 'lib'))
  const sources = {
    c10: 'extern "C" int small_c10() { return 10; }',
    torch_cpu: `extern "C" const char* small_libtorch() { return "${version}"; }`,
  }
  for (const [name, source] of Object.entries(sources)) {
    const file = join(folder, 'lib', `lib${name}.so`)
    // As libtorch's own, they stay loaded.
    const flags = ['-shared', '-fPIC', `-Wl,-soname,lib${name}.so`, '-Wl,-z,nodelete']
    execFileSync('c++', [...flags, '-x', 'c++', '-', '-o', file], { input: source })
  }
  return folder
}

/** Packs a libtorch as a wheel does. */
export function makeWheel(libtorch: string, file: string): string {
  const content = join(dirname(file), 'wheel')
  mkdirSync(content, { recursive: true })
  if (!existsSync(join(content, 'torch'))) symlinkSync(libtorch, join(content, 'torch'))
  const parts = ['lib', 'include', 'share'].map((part) => `torch/${part}`)
  execFileSync('cmake', ['-E', 'tar', 'cf', file, '--format=zip', '--', ...parts], { cwd: content })
  return file
}

export const COMPILERS = ['cmake', 'c++', 'g++', 'as', 'ld', 'ar', 'ranlib', 'nm', 'make', 'ninja']
export const PROGRAMS = [...COMPILERS, 'which', 'sh', 'env', 'uname']

/** The programs that a set-up needs, alone in a folder: on this PATH there is neither Python nor pip. */
export function makeTools(folder: string, programs: readonly string[] = PROGRAMS): string {
  mkdirSync(folder, { recursive: true })
  for (const name of programs) {
    try {
      symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(folder, name))
    } catch {
      // Not needed here.
    }
  }
  return folder
}
