// SPDX-License-Identifier: AGPL-3.0-or-later
/** The rules of this folder, shown made-up sins: a rule that finds nothing because it is broken fails. */
import { describe, expect, it } from 'vitest'
import { findDoorViolations, findLayerViolations, findThirdPartyViolations } from './layers.ts'
import { findUnknownNeeds } from './needs.ts'
import {
  allowsLicence,
  findDependencyViolations,
  findFloatingVersions,
  findLicenceViolations,
  findRegistryAddresses,
} from './packages.ts'
import { importsOf, maskSource, type SourceFile, type Violation } from './source.ts'
import {
  findHeaderViolations,
  findImpurities,
  findLongFiles,
  findParkedTests,
  findUnexplainedCasts,
} from './style.ts'

const HEADER = '// SPDX-License-Identifier: AGPL-3.0-or-later\n/** Something. */\n'

function file(path: string, ...lines: string[]): SourceFile {
  return { path, text: lines.join('\n') }
}

/** `path:line` of each. */
function places(violations: readonly Violation[]): string[] {
  return violations.map(({ path, line }) => `${path}:${line}`)
}

describe('reading source', () => {
  it('finds every form of import, and none in comments and strings', () => {
    const text = [
      "import { a } from './a.ts'",
      "import type { B } from '../b.ts'",
      "import 'side-effect'",
      'import {',
      '  c,',
      '} from "./c.ts"',
      "export * from './d.ts'",
      "const e = await import('./e.ts')",
      "const f = require('f')",
      "// import { x } from 'comment'",
      "/* import 'comment' */",
      'const text = "import { x } from \'string\'"',
      'const made = `import { y } from "template"`',
      "type G = import('./g.ts').G",
    ].join('\n')
    expect(importsOf(text)).toEqual([
      { specifier: './a.ts', line: 1 },
      { specifier: '../b.ts', line: 2 },
      { specifier: 'side-effect', line: 3 },
      { specifier: './c.ts', line: 6 },
      { specifier: './d.ts', line: 7 },
      { specifier: './e.ts', line: 8 },
      { specifier: 'f', line: 9 },
      { specifier: './g.ts', line: 14 },
    ])
  })

  it.each([
    ["a('x y') // b", "a('   ')     "],
    ['a("\\"") + b', 'a("  ") + b'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text under test
    ['`a${b(`c${d}`)}e` + f', '` ${b(` ${d}`)} ` + f'],
    ['x = /[\'"]/.test(y) / 2 // z', 'x = /    /.test(y) / 2     '],
    ["a / b / 'c'", "a / b / ' '"],
    ['/[/]/ && a', '/   / && a'],
    ["don /* ' */ + 'x'", "don         + ' '"],
  ])('keeps the code of %s', (text, code) => {
    expect(maskSource(text)).toBe(code)
  })
})

describe('layers', () => {
  it('points out an import that points up, or sideways, or past the contract', () => {
    const found = findLayerViolations([
      file('src/store/store.ts', '', "import { x } from '../net/net.ts'"),
      file('src/identity/identity.ts', "import { x } from '../store/store.ts'"),
      file('src/cli/cli.ts', "import type { X } from '../content/content.ts'"),
      file('src/web/web.ts', "const x = await import('../node/main.ts')"),
      file('src/cellar/cellar.ts', "import { x } from '../base/base.ts'"),
      file('src/stray.ts', ''),
      file('src/net/net.ts', "import { x } from '../../tests/unit/fake.ts'"),
    ])
    expect(places(found)).toEqual([
      'src/store/store.ts:2',
      'src/identity/identity.ts:1',
      'src/cli/cli.ts:1',
      'src/web/web.ts:1',
      'src/cellar/cellar.ts:1',
      'src/stray.ts:1',
      'src/net/net.ts:1',
    ])
    expect(found[0]?.message).toContain('store (2) imports net (3)')
  })

  it('keeps what runs in the browser and what runs in the node apart, also within one room', () => {
    const files = [
      file('src/web/page/app.tsx', "import { html } from '../html.ts'", "import './limits.ts'"),
      file('src/web/web.ts', "import { App } from './page/app.tsx'"),
      file('src/web/page/state/store.ts', "import { x } from '../../../base/base.ts'"),
    ]
    expect(places(findLayerViolations(files))).toEqual([
      'src/web/page/app.tsx:1',
      'src/web/web.ts:1',
    ])
    const builtin = findThirdPartyViolations([
      file('src/web/page/app.tsx', "import { readFile } from 'node:fs'", "import 'preact'"),
      file('src/api/api.ts', "import { render } from 'preact'"),
    ])
    expect(places(builtin)).toEqual(['src/web/page/app.tsx:1', 'src/api/api.ts:1'])
  })

  it('is content with what points down', () => {
    const found = findLayerViolations([
      file('src/net/net.ts', "import { x } from '../base/base.ts'", "import './peer.ts'"),
      file('src/cli/cli.ts', "import { x } from '../contract/contract.ts'"),
      file('src/node/main.ts', "import { x } from '../cli/cli.ts'", "import 'zod'"),
    ])
    expect(found).toEqual([])
  })

  it('points out whoever does not use the front door', () => {
    const found = findDoorViolations([
      file('src/base/base.ts', ''),
      file('src/net/net.ts', "import { x } from '../base/time.ts'"),
      file('src/net/peers.ts', "import { x } from './discovery/beacon.ts'"),
      file('src/net/discovery/discovery.ts', "import { x } from '../wire/frames.ts'"),
      file('src/content/content.ts', "import { x } from '../net/discovery/discovery.ts'"),
      file('src/topology/links.ts', ''),
    ])
    expect(places(found)).toEqual([
      'src/net/net.ts:1',
      'src/net/peers.ts:1',
      'src/net/discovery/discovery.ts:1',
      'src/content/content.ts:1',
      'src/topology/topology.ts:1',
    ])
    expect(found[3]?.message).toContain('src/net/net.ts')
  })

  it('is content with front doors, siblings and what lies further out', () => {
    const found = findDoorViolations([
      file('src/base/base.ts', ''),
      file('src/net/net.ts', "import { x } from '../base/base.ts'", "import './wire/wire.ts'"),
      file('src/net/wire/wire.ts', "import './frames.ts'", "import '../limits.ts'"),
      file('src/net/discovery/beacon.ts', "import '../wire/wire.ts'"),
    ])
    expect(found).toEqual([])
  })

  it('points out third parties outside their room, unknown ones, and I/O in a browser room', () => {
    const found = findThirdPartyViolations([
      file('src/content/content.ts', "import { tcp } from '@libp2p/tcp'"),
      file('src/net/net.ts', "import Database from 'better-sqlite3'"),
      file('src/store/store.ts', "import { spawn } from 'node:child_process'"),
      file('src/api/api.ts', "import leftPad from 'left-pad/x'"),
      file('src/base/base.ts', "import { readFile } from 'node:fs'"),
      file('src/store/other.ts', "import { DatabaseSync } from 'node:sqlite'"),
    ])
    expect(found.map(({ message }) => message)).toEqual([
      'only net may import @libp2p/',
      'only store may import better-sqlite3',
      'only system may import node:child_process',
      expect.stringContaining('left-pad has no door'),
      expect.stringContaining('browser'),
      'node:sqlite is not used in this project',
    ])
  })

  it('is content with each in its room, and with vocabulary anywhere', () => {
    const found = findThirdPartyViolations([
      file('src/net/net.ts', "import 'libp2p'", "import '@libp2p/tcp'", "import 'node:https'"),
      file('src/store/store.ts', "import 'better-sqlite3'", "import 'node:fs/promises'"),
      file('src/api/api.ts', "import 'fastify'", "import 'zod'", "import 'multiformats/cid'"),
    ])
    expect(found).toEqual([])
  })
})

describe('style', () => {
  it('wants the licence and a comment on top', () => {
    const found = findHeaderViolations([
      { path: 'good.ts', text: HEADER },
      { path: 'good.mjs', text: `#!/usr/bin/env node\n${HEADER}` },
      { path: 'a.test.ts', text: '// SPDX-License-Identifier: AGPL-3.0-or-later\nimport' },
      { path: 'bare.ts', text: 'const a = 1' },
      { path: 'silent.ts', text: '// SPDX-License-Identifier: AGPL-3.0-or-later\nconst a = 1' },
    ])
    expect(places(found)).toEqual(['bare.ts:1', 'silent.ts:2'])
  })

  it('counts lines', () => {
    const found = findLongFiles([
      { path: 'fits.ts', text: 'x\n'.repeat(500) },
      { path: 'long.ts', text: 'x\n'.repeat(501) },
    ])
    expect(places(found)).toEqual(['long.ts:500'])
  })

  it.each([
    'Math.random()',
    'Date.now()',
    'new Date()',
    'performance.now()',
    'setTimeout(f, 1)',
    'globalThis.setInterval(f, 1)',
    'AbortSignal.timeout(5)',
    'process.env.HOME',
    "process.on('SIGTERM', f)",
    'process.exit(1)',
  ])('points out %s', (code) => {
    expect(places(findImpurities([file('src/net/net.ts', '', code)]))).toEqual(['src/net/net.ts:2'])
  })

  it('leaves each where it belongs, and clocks that were passed in', () => {
    const found = findImpurities([
      file('src/system/clock.ts', 'Date.now()', 'setTimeout(f, 1)'),
      file('src/node/main.ts', 'process.env.HOME', "process.on('SIGTERM', f)"),
      file('src/net/net.ts', 'clock.setTimeout(f, 1)', '// Date.now()', "'process.env'"),
      file('src/net/dates.ts', 'new Date(atMs)'),
    ])
    expect(found).toEqual([])
  })

  // In two parts, so that a plain search for parked tests finds none here.
  it.each([
    ['it', 'only('],
    ['describe', 'skip('],
    ['test', 'todo('],
    ['it.concurrent', 'skip('],
    ['it', 'skipIf(a)('],
  ])('points out %s.%s', (runner, call) => {
    const code = `${runner}.${call}`
    expect(findParkedTests([file('tests/unit/a.test.ts', code)])).toHaveLength(1)
  })

  it('lets tests that need a machine depend on it', () => {
    const quoted = `'${['it', 'skip('].join('.')}'`
    const found = findParkedTests([
      file('tests/netns/a.test.ts', 'describe.skipIf(!hasNetns)('),
      file('tests/unit/c.test.ts', 'it.skipIf(process.getuid?.() === 0)('),
      file('tests/unit/b.test.ts', 'it(', 'it.each(', quoted, 'queue.skip(1)'),
    ])
    expect(found).toEqual([])
  })

  it('points out a cast without a reason', () => {
    const found = findUnexplainedCasts([
      file('a.ts', 'const a = b as C'),
      file('b.ts', '// Why.', 'const x = 1', 'const a = b as C'),
      file('c.ts', '// Why.', '', 'const a = b as C'),
      file('d.ts', "const a = '// no comment' + (b as string)"),
      file('e.ts', 'f(a as unknown as B)'),
      file('f.ts', '// What it does.', 'function f(): X {', '  return a as B', '}'),
      file('g.ts', '/** What it does. */', 'const f = () => {', '  const x = 1', '  a as B', '}'),
    ])
    const expected = [
      'a.ts:1',
      'b.ts:3',
      'c.ts:3',
      'd.ts:1',
      'e.ts:1',
      'e.ts:1',
      'f.ts:3',
      'g.ts:4',
    ]
    expect(places(found)).toEqual(expected)
  })

  it('is content with reasons, `as const` and renames', () => {
    const found = findUnexplainedCasts([
      file('a.ts', '// Checked above.', 'const a = b as C'),
      file('b.ts', 'const a = b as C // Checked above.'),
      file('c.ts', '// Why.', 'const a = f(', '  b,', ').c as D'),
      file('d.ts', 'const a = [1] as const'),
      file('h.ts', '// Why, of both.', 'return {', '  a: f(() => b as C),', '  d: e as F,', '}'),
      file('e.ts', "import { a as b, type C as D } from 'x'", "import * as e from 'y'"),
      file('f.ts', "export { a as b } from './a.ts'", "export * as c from './c.ts'"),
      file('g.ts', 'import {', '  a as b,', "} from './a.ts'", "const as = { as: 'as b' }"),
    ])
    expect(found).toEqual([])
  })
})

describe('packages', () => {
  it('points out versions that float', () => {
    const manifest = { dependencies: { a: '1.2.3', b: '^1.0.0' }, devDependencies: { c: '*' } }
    const found = findFloatingVersions({ ...manifest, optionalDependencies: { d: '1.0.0-rc.1' } })
    expect(found.map(({ message }) => message.slice(0, 6))).toEqual(['b is ^', 'c is *'])
  })

  it('points out what is listed and not used, used and not listed, or listed for the other side', () => {
    const found = findDependencyViolations(
      { dependencies: { used: '1.0.0', idle: '1.0.0' }, devDependencies: { helper: '1.0.0' } },
      [file('src/a.ts', "import 'used/deep'", "import 'helper'", "import 'node:fs'")],
      [file('tests/a.ts', "import 'unlisted'", "import 'used'", "import './b.ts'")],
    )
    expect(found.map(({ message }) => message)).toEqual([
      'idle is a dependency, but nothing in src/ imports it',
      'helper is only a devDependency',
      'helper is a devDependency, but no test or tool imports it',
      'unlisted is not in package.json',
    ])
  })

  it.each([
    ['MIT', true],
    ['(MIT OR SSPL-1.0)', true],
    ['MIT AND SSPL-1.0', false],
    ['(GPL-2.0-only AND MIT) OR ISC', true],
    ['GPL-2.0-only', false],
    ['SEE LICENSE IN LICENSE', false],
    ['', false],
  ])('licence %s: %s', (expression, allowed) => {
    expect(allowsLicence(expression)).toBe(allowed)
  })

  it('points out packages under other licences, or none', () => {
    const found = findLicenceViolations({
      packages: {
        '': {},
        'node_modules/good': { license: 'ISC' },
        'node_modules/good/node_modules/bad': { license: 'BUSL-1.1' },
        'node_modules/silent': {},
      },
    })
    expect(found).toHaveLength(2)
  })

  it('points out addresses of registries', () => {
    const found = findRegistryAddresses([
      file('package-lock.json', '{', '"resolved": "x"', '}'),
      file('.npmrc', 'registry=https://example.org/'),
      file('README.md', 'from https://registry.example.org/x', 'a/-/a-1.0.0.tgz'),
      file('good.json', '"funding": { "url": "https://example.org/npm" }'),
      file('src/system/metrics.ts', 'readonly #registry = new Registry()'),
    ])
    const expected = ['package-lock.json:2', '.npmrc:1', 'README.md:1', 'README.md:2']
    expect(places(found)).toEqual(expected)
  })
})

describe('what routes and protocols need', () => {
  it('is public, or in the table of commands', () => {
    const made = file(
      'src/net/made-up.ts',
      "const one = { needs: 'public' }",
      "const two = { needs: '/content/add' }",
      "const three = { needs: '/made/up' }",
      "// needs: '/in/a/comment'",
      'const text = "needs: \'/in/a/string\'"',
      'const four = { needs: `/in/a/template` }',
      'interface Five { needs: Need }',
    )
    const found = findUnknownNeeds([made], (need) => need === '/content/add')
    expect(places(found)).toEqual(['src/net/made-up.ts:3', 'src/net/made-up.ts:6'])
  })
})
