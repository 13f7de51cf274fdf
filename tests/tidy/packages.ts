// SPDX-License-Identifier: AGPL-3.0-or-later
/** Rules about dependencies: pinned, used, owned by one side, under a licence that goes with ours. */

import { packageOf } from './layers.ts'
import { importsOf, type SourceFile, type Violation } from './source.ts'

export interface Manifest {
  dependencies?: Readonly<Record<string, string>>
  devDependencies?: Readonly<Record<string, string>>
  optionalDependencies?: Readonly<Record<string, string>>
}

export interface Lockfile {
  packages: Readonly<Record<string, { license?: string; resolved?: string; version?: string }>>
}

/** Licences whose terms AGPL-3.0-or-later can honour when it carries the code along. */
const ALLOWED_LICENCES = new Set([
  '0BSD',
  'AGPL-3.0-or-later',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'GPL-3.0-or-later',
  'ISC',
  'LGPL-3.0-or-later',
  'MIT',
  // Goes with the GNU licences by its section 3.3, unless a file says otherwise.
  'MPL-2.0',
  'Unlicense',
  'Zlib',
])

/** Packages that do not declare what they are under, and where we read it instead. */
const LICENCE_EXCEPTIONS: Readonly<Record<string, string>> = {}

/** Dependencies that no file imports, and what they are for. */
const NOT_IMPORTED: Readonly<Record<string, string>> = {
  '@types/node': 'types for the checker',
  typescript: 'the checker: started by tools/launcher.mjs',
  vite: 'the bundler of the page: loaded by tools/build-page.mjs from the clone it builds',
  esbuild: 'the bundler: loaded by tools/build.mjs from the clone it builds',
}

/** Every version is exact: what was tested is what is installed. */
export function findFloatingVersions(manifest: Manifest): Violation[] {
  const { dependencies, devDependencies, optionalDependencies } = manifest
  const all = { ...dependencies, ...devDependencies, ...optionalDependencies }
  return Object.entries(all)
    .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
    .map(([name, version]) => inManifest(`${name} is ${version}: say one exact version`))
}

/** What is listed is used; the program uses only what is listed for it. */
export function findDependencyViolations(
  manifest: Manifest,
  source: readonly SourceFile[],
  support: readonly SourceFile[],
): Violation[] {
  const bySource = packagesOf(source)
  const bySupport = packagesOf(support)
  const violations: Violation[] = []
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    if (!bySource.has(name)) {
      violations.push(inManifest(`${name} is a dependency, but nothing in src/ imports it`))
    }
  }
  for (const name of Object.keys(manifest.devDependencies ?? {})) {
    const at = bySource.get(name)
    if (at !== undefined) violations.push({ ...at, message: `${name} is only a devDependency` })
    if (!bySupport.has(name) && !(name in NOT_IMPORTED)) {
      violations.push(inManifest(`${name} is a devDependency, but no test or tool imports it`))
    }
  }
  const listed = { ...manifest.dependencies, ...manifest.devDependencies }
  for (const [name, at] of [...bySource, ...bySupport]) {
    if (!(name in listed)) violations.push({ ...at, message: `${name} is not in package.json` })
  }
  return violations
}

function packagesOf(files: readonly SourceFile[]): Map<string, { path: string; line: number }> {
  const found = new Map<string, { path: string; line: number }>()
  for (const { path, text } of files) {
    for (const { specifier, line } of importsOf(text)) {
      if (!/^@?[a-z0-9][\w./-]*$/i.test(specifier)) continue
      const name = packageOf(specifier)
      if (!found.has(name)) found.set(name, { path, line })
    }
  }
  return found
}

/** Every package that could be installed says its licence, and it goes with ours. */
export function findLicenceViolations(lockfile: Lockfile): Violation[] {
  return Object.entries(lockfile.packages).flatMap(([path, { license }]) => {
    const name = path.replace(/^.*node_modules\//, '')
    if (path === '' || name in LICENCE_EXCEPTIONS) return []
    if (license !== undefined && allowsLicence(license)) return []
    return [inLockfile(`${path} is under ${license ?? 'no declared licence'}`)]
  })
}

/** Of `A OR B` one suffices, of `A AND B` both are needed. */
export function allowsLicence(expression: string): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  const any = (): boolean => {
    let allowed = all()
    while (tokens[at] === 'OR') {
      at++
      allowed = all() || allowed
    }
    return allowed
  }
  const all = (): boolean => {
    let allowed = one()
    while (tokens[at] === 'AND') {
      at++
      allowed = one() && allowed
    }
    return allowed
  }
  const one = (): boolean => {
    const token = tokens[at++]
    if (token !== '(') return token !== undefined && ALLOWED_LICENCES.has(token)
    const inner = any()
    at++
    return inner
  }
  return any() && at === tokens.length
}

/** The lockfile names versions and hashes, not the address that somebody's npm happened to ask. */
export function findRegistryAddresses(files: readonly SourceFile[]): Violation[] {
  const address =
    /"resolved"\s*:|\bregistry\s*=\s*['"]?http|\/\/(?:registry|npm)\.[\w.-]+|\/-\/[\w.-]+\.tgz/g
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(address)].map((match) => ({
      path,
      line: text.slice(0, match.index).split('\n').length,
      message: `the address of a package registry: ${match[0]}`,
    })),
  )
}

function inManifest(message: string): Violation {
  return { path: 'package.json', line: 1, message }
}

function inLockfile(message: string): Violation {
  return { path: 'package-lock.json', line: 1, message }
}
