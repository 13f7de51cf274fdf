// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { neighboursOf, PLACES } from '../../tools/demo/plan.ts'
import { until } from '../support/daemon.ts'
import { citynode } from '../support/program.ts'
import { buildForDemo, Demo, type DemoOptions, Machine } from './support/demo.ts'
import { canMakeNamespaces, Network } from './support/namespaces.ts'

const FILM = new URL('../../tools/demo/content/lights-going-on.webm', import.meta.url)

const closing: (() => Promise<void> | void)[] = []

beforeAll(buildForDemo)

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function machine(name: string): Machine {
  const network = new Network(`demo-${name}`)
  closing.push(() => network.close())
  return new Machine(network)
}

function demo(on: Machine, options?: DemoOptions): Demo {
  const started = new Demo(on, options)
  closing.push(() => started.clear())
  return started
}

interface StatusFacts {
  neighbours: unknown[]
  connectedPeersCount: number
  gatewayPort: number
}

function statusOf(on: Machine, page: string): StatusFacts {
  return JSON.parse(on.curl(`${page}v1/status`).toString())
}

/** By the command that the demo prints: the film goes from the one end to the other. */
async function fetchFilm({ output, folder }: Demo): Promise<string> {
  const cid = /get --public (\S+) /.exec(output)?.[1] ?? ''
  const fetched = await citynode('--data', join(folder, 'bakery'), 'get', '--public', cid)
  expect(fetched.stderr).toBe('')
  expect(fetched.stdout.equals(readFileSync(FILM))).toBe(true)
  return cid
}

async function endsWithoutTrace(running: Demo): Promise<void> {
  running.signal('SIGINT')
  await running.ended()
  expect(running.output).toContain('Nothing of it is left.')
  expect(running.exitCode).toBe(0)
  expect(running.leftovers()).toEqual([])
}

describe.runIf(canMakeNamespaces())('npm run demo', () => {
  test('as root: neighbours as planned, a film across town, and not a packet outside', async () => {
    const own = machine('root')
    const interfaces = own.interfaces()
    const running = demo(own)
    await running.up()
    expect(own.interfaces()).toBe(interfaces)
    for (const { id, name } of PLACES) {
      const page = running.addressOf(name)
      await until(`${name} hears whom it should`, 20_000, () => {
        return statusOf(own, page).neighbours.length === neighboursOf(id).length
      })
    }
    const cid = await fetchFilm(running)
    const page = running.addressOf('Bakery')
    const { gatewayPort } = statusOf(own, page)
    const opened = own.curl(`http://localhost:${gatewayPort}/ipfs/${cid}`)
    expect(opened.equals(readFileSync(FILM))).toBe(true)
    // The doorman sees what the browser said: a name of somebody else's is sent away.
    expect(() => own.curl('--header', 'Host: evil.example', page)).toThrow()

    await endsWithoutTrace(running)
    expect(own.interfaces()).toBe(interfaces)
    expect(own.packetsOut()).toBe(0)
    own.speak()
    expect(own.packetsOut()).toBe(1)
  })

  test('killed: the next start removes what is left, and nothing of one that runs', async () => {
    const own = machine('killed')
    const killed = demo(own)
    await killed.up()
    killed.signal('SIGKILL')
    await killed.ended()
    expect(killed.leftovers().length).toBeGreaterThan(PLACES.length)

    const next = demo(own)
    await next.up()
    expect(next.output).toContain('An earlier demo was killed')
    expect(killed.leftovers()).toEqual([])

    const beside = demo(own, { user: 'nobody', args: ['--loopback'] })
    await beside.up()
    expect(beside.output).not.toContain('An earlier demo was killed')
    expect(statusOf(own, next.addressOf('Library')).neighbours).toHaveLength(2)
    await endsWithoutTrace(beside)
    await endsWithoutTrace(next)
  })

  test('a node that dies, one that hangs, and an impatient person', async () => {
    const own = machine('trouble')
    const running = demo(own)
    await running.up()
    const pidOf = (place: string) =>
      Number(readFileSync(join(running.folder, place, 'node.pid'), 'utf8'))
    process.kill(pidOf('library'), 'SIGKILL')
    await until('it is told', 5_000, () => running.output.includes('Library has ended by itself'))
    expect(running.isRunning).toBe(true)
    process.kill(pidOf('school'), 'SIGSTOP')
    await until('it has ended', 30_000, () => {
      running.signal('SIGINT')
      return !running.isRunning
    })
    expect(running.leftovers()).toEqual([])
  })

  test.each([
    ['in namespaces of a user, or where there are none', []],
    ['on loopback', ['--loopback']],
  ])('as nobody, %s: all meet, a film is fetched, not a packet outside', async (_name, args) => {
    const own = machine('nobody')
    const running = demo(own, { user: 'nobody', args })
    await running.up()
    for (const { name } of PLACES) {
      const page = running.addressOf(name)
      await until(`${name} knows all`, 20_000, () => {
        return statusOf(own, page).connectedPeersCount === PLACES.length - 1
      })
    }
    const cid = await fetchFilm(running)
    const { gatewayPort } = statusOf(own, running.addressOf('Bakery'))
    const opened = own.curl(`http://127.0.0.1:${gatewayPort}/ipfs/${cid}`)
    expect(opened.equals(readFileSync(FILM))).toBe(true)
    await endsWithoutTrace(running)
    expect(own.packetsOut()).toBe(0)
  })
})
