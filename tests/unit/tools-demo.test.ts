// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/node/config.ts'
import {
  demoIdOf,
  foldersLeftIn,
  isRunning,
  ownDemoId,
  processesOf,
  startTimeIn,
} from '../../tools/demo/leftovers.ts'
import {
  type Command,
  namespacesOf,
  planCables,
  planNamespaces,
  planRoutes,
  planShaping,
} from '../../tools/demo/network.ts'
import { configOf } from '../../tools/demo/nodes.ts'
import {
  firstHop,
  neighboursOf,
  PIECES,
  PLACES,
  type PlaceId,
  portName,
  SEGMENTS,
} from '../../tools/demo/plan.ts'
import { closePort, openPort } from '../../tools/demo/ports.ts'
import { linksWords, nodesWords } from '../../tools/demo/words.ts'

const CONTENT = fileURLToPath(new URL('../../tools/demo/content/', import.meta.url))
/** Linux, IFNAMSIZ without the final zero. */
const INTERFACE_NAME_LENGTH_MAX = 15
/** Small enough to be a part of every clone. */
const CONTENT_BYTES_MAX = 512 * 1024

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'citynode-test-demo-'))
  folders.push(folder)
  return folder
}

const addresses = Object.fromEntries(
  PLACES.map(({ id }, index) => [id, `fd00::${index + 1}`]),
  // Every place is in PLACES.
) as Record<PlaceId, string>

describe('the plan of the neighbourhood', () => {
  it('has places that hear each other both ways, and none that hears all', () => {
    for (const { id } of PLACES) {
      expect(neighboursOf(id).length).toBeGreaterThan(0)
      expect(neighboursOf(id).length).toBeLessThan(PLACES.length - 1)
      for (const other of neighboursOf(id)) expect(neighboursOf(other)).toContain(id)
    }
  })

  it('leads from every place to every other, in as many hops as it should', () => {
    for (const { id: from } of PLACES) {
      for (const { id: to } of PLACES.filter(({ id }) => id !== from)) {
        let [at, hops]: [PlaceId, number] = [from, 0]
        while (at !== to && hops < PLACES.length) {
          const hop = firstHop(at, to)
          expect(hop?.segment.members).toContain(at)
          at = hop?.next ?? at
          hops += 1
        }
        expect(at).toBe(to)
      }
    }
    expect(firstHop('bakery', 'boathouse')).toMatchObject({ next: 'school' })
    expect(firstHop('bakery', 'bakery')).toBeUndefined()
  })

  it('names interfaces that the kernel takes', () => {
    for (const segment of SEGMENTS) {
      for (const place of segment.members) {
        expect(portName(place, segment).length).toBeLessThanOrEqual(INTERFACE_NAME_LENGTH_MAX)
      }
    }
  })
})

describe('the commands that make its networks', () => {
  const id = 'citynode-demo-7-8'
  const own = new Set(namespacesOf(id))
  const all: readonly Command[] = [
    ...planNamespaces(id),
    ...planCables(id),
    ...planRoutes(id, addresses),
    ...planShaping(id, 'netem'),
    ...planShaping(id, 'tbf'),
  ]

  it('touch namespaces of this demo alone, never the machine’s own network', () => {
    for (const command of all) {
      const [program, first = '', second = '', third = ''] = command
      expect(['ip', 'tc']).toContain(program)
      const namespace = first === '-n' ? second : second === 'exec' ? third : command[3]
      expect(first === '-n' || (first === 'netns' && ['add', 'exec'].includes(second))).toBe(true)
      expect(own).toContain(namespace)
      // The far end of a cable is in one of them as well.
      const farEnd = command.lastIndexOf('netns')
      if (first === '-n' && farEnd !== -1) expect(own).toContain(command[farEnd + 1])
    }
  })

  it('make no default route', () => {
    expect(all.flat()).not.toContain('default')
    expect(all.flat().filter((word) => word.endsWith('/0'))).toEqual([])
  })

  it('make each link as it is described, in both directions', () => {
    const netem = planShaping(id, 'netem').map((command) => command.join(' '))
    const river = netem.filter((command) => command.includes('dev river'))
    expect(river).toHaveLength(2)
    for (const command of river) expect(command).toContain('delay 20ms 8ms loss 8% rate 4mbit')
    const tbf = planShaping(id, 'tbf').map((command) => command.join(' '))
    expect(tbf.filter((command) => command.includes('mod 1000 < 80 drop'))).toHaveLength(2)
    expect(tbf.filter((command) => command.includes('street') && /drop/.test(command))).toEqual([])
  })
})

describe('configurations', () => {
  const ports = { network: 7621, status: 7601, gateway: 7611 }
  const bootstrap = [
    '/ip4/127.0.0.1/tcp/7621/p2p/12D3KooWFP6VEX9JDPrSrt5fwSKJGkPrJ8Mao96fZhdwo12EJRUY',
  ]

  it.each([true, false])('are what the program takes (interfaces: %s)', (hasInterfaces) => {
    for (const place of PLACES) {
      const text = configOf({ place, city: 'demo-1a2b', ports, bootstrap, hasInterfaces })
      const parsed = parseConfig(text)
      if (!('config' in parsed)) throw new Error(JSON.stringify(parsed.problems))
      const { node, network, status, gateway } = parsed.config
      expect(node.name).toBe(place.name)
      expect(network).toMatchObject({ mdns: hasInterfaces, beacon: hasInterfaces, bootstrap })
      expect(status).toMatchObject({ port: 7601, address: '127.0.0.1' })
      expect(gateway).toMatchObject({ port: 7611, address: '127.0.0.1' })
    }
  })
})

describe('what a demo leaves behind', () => {
  it('is known by its name', () => {
    expect(demoIdOf('citynode-demo-12-345')).toBe('citynode-demo-12-345')
    expect(demoIdOf('citynode-demo-12-345-bakery')).toBe('citynode-demo-12-345')
    for (const other of ['citynode-demo-12', 'citynode-demo-12-345x', 'my-citynode-demo-1-2', '']) {
      expect(demoIdOf(other)).toBeUndefined()
    }
  })

  it('belongs to a process, and not to another one that got its number', () => {
    expect(isRunning(ownDemoId())).toBe(true)
    expect(isRunning(`${ownDemoId()}0`)).toBe(false)
    expect(isRunning('something else')).toBe(false)
  })

  it('reads when a process started, whatever its name', () => {
    const fields = Array.from({ length: 30 }, (_, index) => index).join(' ')
    expect(startTimeIn(`12 (a) b) S ${fields}`)).toBe('18')
    expect(startTimeIn(`12 (a) Z ${fields}`)).toBeUndefined()
    expect(startTimeIn('')).toBeUndefined()
  })

  it('is our folders of dead demos alone: no links, no files, nobody else’s', () => {
    const parent = temporaryFolder()
    const elsewhere = temporaryFolder()
    const dead = 'citynode-demo-1-1'
    for (const name of [dead, ownDemoId(), `${dead}-bakery`, 'citynode-demo', 'photos']) {
      mkdirSync(join(parent, name))
    }
    symlinkSync(elsewhere, join(parent, 'citynode-demo-1-2'))
    expect(foldersLeftIn(parent)).toEqual([join(parent, dead)])
  })

  it('finds no process of a folder that none was started with', () => {
    expect(processesOf(temporaryFolder())).toEqual([])
  })
})

describe('ports', () => {
  it('are the wanted ones, or free ones where those are taken', async () => {
    const first = await openPort(0)
    const second = await openPort(first.port)
    expect(second.port).not.toBe(first.port)
    await closePort(first)
    const third = await openPort(first.port)
    expect(third.port).toBe(first.port)
    await Promise.all([second, third].map(closePort))
  })
})

describe('the sample content', () => {
  const names = readdirSync(CONTENT).filter((name) => name !== 'README.md')

  it('is all given to somebody, and says where it is from', () => {
    expect(PIECES.map(({ file }) => file).sort()).toEqual(names.sort())
    const readme = readFileSync(join(CONTENT, 'README.md'), 'utf8')
    for (const name of names) expect(readme).toContain(`\`${name}`)
    for (const { id } of PLACES) expect(PIECES.map(({ at }) => at)).toContain(id)
  })

  it('is small', () => {
    const files = readdirSync(CONTENT, { recursive: true, withFileTypes: true })
    const sizes = files
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)).length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(CONTENT_BYTES_MAX)
  })
})

describe('words', () => {
  it('tell plainly when all links are alike, and what to do', () => {
    expect(linksWords('alike').join(' ')).toContain('alike')
    expect(linksWords('alike').join(' ')).toContain('sudo npm run demo')
    expect(linksWords('netem').join('\n')).toContain('Workshop – Boathouse')
  })

  it('name each node, whom it hears and what it has', () => {
    const [place] = PLACES
    if (place === undefined) throw new Error('there are no places')
    const shown = { place, address: 'http://127.0.0.1:7601/', hears: ['Library'], placed: [] }
    const lines = nodesWords([shown, { ...shown, hears: [] }], 'netem').join('\n')
    expect(lines).toContain('Bakery: http://127.0.0.1:7601/')
    expect(lines).toContain('hears Library')
    expect(lines).toContain('hears nobody yet')
  })
})

describe('docs/DEMO.md', () => {
  it('tells of the links as they are', () => {
    const text = readFileSync(new URL('../../docs/DEMO.md', import.meta.url), 'utf8')
    for (const { id, quality } of SEGMENTS) {
      const { delayMs, lossPercent, rateMbit } = quality
      const lost = lossPercent === 0 ? 'nothing' : `${lossPercent} %`
      const row = new RegExp(
        `^\\| ${id} \\|.*\\| ${delayMs} ms \\| ${lost} \\| ${rateMbit} Mbit/s \\|$`,
        'm',
      )
      expect(text).toMatch(row)
    }
  })
})
