// SPDX-License-Identifier: AGPL-3.0-or-later
/** The house rules, applied to the project as it is. That the rules work is shown in rules.test.ts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandOfNeed } from '../../src/access/access.ts'
import { findDoorViolations, findLayerViolations, findThirdPartyViolations } from './layers.ts'
import { findUnknownNeeds } from './needs.ts'
import {
  findDependencyViolations,
  findFloatingVersions,
  findLicenceViolations,
  findRegistryAddresses,
  type Lockfile,
  type Manifest,
} from './packages.ts'
import { describeViolations, ROOT, readSources, type SourceFile, type Violation } from './source.ts'
import {
  findHeaderViolations,
  findImpurities,
  findLongFiles,
  findParkedTests,
  findUnexplainedCasts,
} from './style.ts'

const CODE = /\.(?:ts|tsx|mts|mjs|js)$/
/** Where the rules are shown made-up sins, as text. */
const RULES_TEST = 'tests/tidy/rules.test.ts'

const source = readSources('src', CODE)
const tests = readSources('tests', CODE).filter(({ path }) => path !== RULES_TEST)
const tools = [...readSources('tools', CODE), ...readSources('bin', CODE)]
/** Folders with a package.json of their own, such as a benchmark's rival, are packages of their own. */
const guests = readSources('tests', /^package\.json$/).map(({ path, text }) => ({
  folder: path.slice(0, -'package.json'.length),
  // A file of ours, in the shape that npm reads.
  manifest: JSON.parse(text) as Manifest,
}))
const everything = [...source, ...tests, ...tools, read('vitest.config.ts')]

function read(path: string): SourceFile {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') }
}

// Our own file, in the shape that npm reads.
const manifest = JSON.parse(read('package.json').text) as Manifest
// As npm writes it.
const lockfile = JSON.parse(read('package-lock.json').text) as Lockfile

function expectNone(violations: readonly Violation[]): void {
  expect(describeViolations(violations)).toBe('')
}

describe('the house', () => {
  it('is there', () => expect(source.length).toBeGreaterThan(10))

  it('imports point down', () => expectNone(findLayerViolations(source)))

  it('rooms are entered by the front door', () => expectNone(findDoorViolations(source)))

  it('every third party has one door', () => expectNone(findThirdPartyViolations(source)))

  it('needs nothing that the owner could not grant', () => {
    expectNone(findUnknownNeeds(source, (need) => commandOfNeed(need) !== undefined))
  })
})

describe('files', () => {
  it('say their licence and what they are for', () => expectNone(findHeaderViolations(everything)))

  it('are not too long', () => expectNone(findLongFiles(everything)))

  it('take time, chance and the environment from outside', () => expectNone(findImpurities(source)))

  it('explain every `as`', () => expectNone(findUnexplainedCasts(everything)))

  it('leave no test out', () => expectNone(findParkedTests(tests)))
})

describe('packages', () => {
  it('are pinned', () => {
    expectNone([manifest, ...guests.map((guest) => guest.manifest)].flatMap(findFloatingVersions))
  })

  it('are used where they are listed', () => {
    const isGuest = ({ path }: SourceFile) => guests.some(({ folder }) => path.startsWith(folder))
    const own = [...tests.filter((file) => !isGuest(file)), ...tools, read('vitest.config.ts')]
    expectNone(findDependencyViolations(manifest, source, own))
    for (const guest of guests) {
      const files = tests.filter(({ path }) => path.startsWith(guest.folder))
      expectNone(findDependencyViolations(guest.manifest, files, []))
    }
  })

  // A guest is installed beside citynode to be compared with, never shipped: its licences are its own.
  it('are under licences that go with ours', () => expectNone(findLicenceViolations(lockfile)))

  it('no file names a registry', () => {
    const texts = readSources('.', /\.(?:ts|mjs|json|md|ya?ml|toml|sh)$|^\.npmrc$|^run$/)
    // The rule itself has to spell what it looks for.
    const others = texts.filter(({ path }) => !path.startsWith('tests/tidy/'))
    expectNone(findRegistryAddresses(others))
  })

  it('npm writes no registry into the lockfile and runs no script of a package', () => {
    const settings = read('.npmrc').text.split('\n')
    expect(settings).toContain('omit-lockfile-registry-resolved=true')
    expect(settings).toContain('loglevel=error')
    expect(settings).toContain('ignore-scripts=true')
    expect(JSON.parse(read('package.json').text)).toMatchObject({
      license: 'AGPL-3.0-or-later',
      type: 'module',
      allowScripts: { 'better-sqlite3': false, esbuild: false },
    })
  })

  it('the licence is the whole GNU AGPL, version 3', () => {
    const { text } = read('LICENSE')
    expect(text).toContain('GNU AFFERO GENERAL PUBLIC LICENSE')
    expect(text).toContain('13. Remote Network Interaction')
    expect(text).toContain('END OF TERMS AND CONDITIONS')
  })
})
