// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { CodedError, type Logger } from '../../src/base/base.ts'
import {
  createLogger,
  PrometheusMetrics,
  runCommand,
  SystemRandom,
  VitalsReader,
} from '../../src/system/system.ts'

describe('SystemRandom', () => {
  it('gives numbers in [0, 1) and fresh bytes', () => {
    const random = new SystemRandom()
    const units = Array.from({ length: 1000 }, () => random.unit())
    expect(units.every((unit) => unit >= 0 && unit < 1)).toBe(true)
    expect(new Set(units).size).toBe(1000)
    const mean = units.reduce((sum, unit) => sum + unit, 0) / units.length
    // Off by 11 standard deviations at these limits: chance does not do that.
    expect(mean).toBeGreaterThan(0.4)
    expect(mean).toBeLessThan(0.6)
    expect(random.bytes(32)).toHaveLength(32)
    expect(random.bytes(32)).not.toEqual(random.bytes(32))
  })
})

function collect(format: 'json' | 'text', level: 'debug' | 'info' = 'info'): [Logger, string[]] {
  const lines: string[] = []
  return [createLogger({ level, format, write: (line) => lines.push(line) }), lines]
}

const failure = new CodedError('STORE_FULL', 'The disk is full.', {
  context: { path: 'node.db' },
  cause: new CodedError('INNER', 'No room.', { cause: new TypeError('deepest') }),
  advice: 'Make room.',
})

describe('createLogger as JSON', () => {
  it('writes one line with level, time, message and fields', () => {
    const [log, lines] = collect('json')
    log.child({ room: 'net' }).info('listening', { port: 7440 })
    expect(lines).toHaveLength(1)
    expect(lines[0]?.endsWith('\n')).toBe(true)
    const entry: unknown = JSON.parse(lines[0] ?? '')
    expect(entry).toMatchObject({ level: 'info', msg: 'listening', room: 'net', port: 7440 })
    expect(entry).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/))
  })

  it('shows code, message, context and causes of an error, and the stack of a bug', () => {
    const [log, lines] = collect('json')
    log.error('cannot add', { error: failure })
    const { error } = JSON.parse(lines[0] ?? '')
    expect(error).toMatchObject({
      code: 'STORE_FULL',
      message: 'The disk is full.',
      context: { path: 'node.db' },
      advice: 'Make room.',
      cause: { code: 'INNER', cause: { message: 'deepest', stack: expect.any(String) } },
    })
    expect(error).not.toHaveProperty('stack')
  })

  it('survives errors that cause each other', () => {
    const [log, lines] = collect('json')
    const error = new Error('one')
    error.cause = new Error('two', { cause: error })
    log.error('circle', { error })
    expect(lines).toHaveLength(1)
  })

  it('leaves out what is below the level', () => {
    const [log, lines] = collect('json')
    log.debug('not this')
    log.child({ room: 'net' }).debug('nor this')
    log.warn('this')
    expect(lines).toHaveLength(1)
  })
})

describe('createLogger as text', () => {
  it('writes one readable line', () => {
    const [log, lines] = collect('text', 'debug')
    log.info('listening', { port: 7440, name: 'a b', list: [1, 2] })
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d INFO {2}listening {2}port=7440 name="a b" list=\[1,2\]\n$/,
    )
    log.debug('no fields')
    expect(lines[1]).toMatch(/DEBUG no fields\n$/)
  })

  it('shows an error with what to do', () => {
    const [log, lines] = collect('text')
    log.error('cannot add', { error: failure })
    expect(lines[0]).toContain('STORE_FULL: The disk is full. {"path":"node.db"} Make room.')
    expect(lines[0]).toContain('<- [INNER: No room.')
    expect(lines[0]?.trim().split('\n')).toHaveLength(1)
  })

  it('lets nobody steer the terminal', () => {
    const [log, lines] = collect('text')
    log
      .child({ from: '\u001b[2J' })
      .info('a\u001b]0;x\u0007b\nc', { error: new Error('\u009b31m\r') })
    expect(lines[0]?.slice(0, -1)).not.toMatch(/\p{Cc}/u)
    expect(lines[0]).toContain('a\\u001b]0;x\\u0007b\\u000ac')
  })
})

describe('PrometheusMetrics', () => {
  it('renders counters, gauges and what is asked for when read', async () => {
    const metrics = new PrometheusMetrics()
    const counter = metrics.counter('citynode_test_things_total', 'Things.', ['kind'])
    counter.add(2, { kind: 'a' })
    counter.add(undefined, { kind: 'a' })
    metrics.gauge('citynode_test_level_bytes', 'Level.').set(5)
    let reads = 0
    metrics.observedGauge('citynode_test_reads', 'Reads.', () => ++reads)
    expect(reads).toBe(0)
    const text = await metrics.render()
    expect(text).toContain('citynode_test_things_total{kind="a"} 3\n')
    expect(text).toContain('citynode_test_level_bytes 5\n')
    expect(text).toContain('citynode_test_reads 1\n')
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/)
  })

  it('knows our own process', async () => {
    const metrics = new PrometheusMetrics()
    metrics.start()
    const text = await metrics.render()
    metrics.stop()
    expect(text).toMatch(/^citynode_process_resident_memory_bytes [1-9]\d+$/m)
    expect(text).toMatch(/^citynode_process_cpu_seconds_total \d/m)
    expect(text).toMatch(/^citynode_process_event_loop_delay_seconds \d/m)
  })

  it('keeps two sets apart, so that two nodes fit into one process', async () => {
    const [one, other] = [new PrometheusMetrics(), new PrometheusMetrics()]
    one.counter('citynode_test_total', 'Test.').add()
    other.counter('citynode_test_total', 'Test.').add(7)
    expect(await one.render()).toContain('citynode_test_total 1\n')
    expect(await other.render()).toContain('citynode_test_total 7\n')
  })
})

describe('runCommand', () => {
  it('returns what was printed, and gives arguments as they are', async () => {
    const result = await runCommand('printf', ['%s|%s', '$HOME; ls', 'a b'])
    expect(result).toEqual({ stdout: '$HOME; ls|a b', stderr: '' })
  })

  it('hands on nothing of our environment', async () => {
    const { stdout } = await runCommand('env', [])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0]),
    ).toEqual(['LC_ALL', 'PATH'])
  })

  it('says how it failed', async () => {
    await expect(runCommand('ls', ['/citynode-none'])).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      context: { exitCode: 2, stderr: expect.stringContaining('citynode-none') },
    })
    await expect(runCommand('citynode-none', [])).rejects.toMatchObject({
      code: 'COMMAND_NOT_FOUND',
    })
  })

  it('ends what takes too long, prints too much or is called off', async () => {
    await expect(runCommand('sleep', ['60'], { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'COMMAND_TIMEOUT',
    })
    await expect(runCommand('yes', [], { stdoutBytesMax: 1000 })).rejects.toMatchObject({
      code: 'COMMAND_OUTPUT_TOO_LONG',
    })
    const controller = new AbortController()
    const running = runCommand('sleep', ['60'], { signal: controller.signal })
    await wait(1)
    controller.abort(new CodedError('STOPPING', 'Enough.'))
    await expect(running).rejects.toMatchObject({ code: 'STOPPING' })
    const late = runCommand('sleep', ['60'], { signal: controller.signal })
    await expect(late).rejects.toMatchObject({ code: 'STOPPING' })
  })
})

describe('the vitals of this machine', () => {
  it('are memory, disk, uptime, and from the second reading on its load', async () => {
    const reader = new VitalsReader({ dataFolder: '/' })
    await reader.read()
    const vitals = await reader.read()
    expect(vitals.memory?.totalBytes).toBeGreaterThan(2 ** 20)
    expect(vitals.disk?.totalBytes).toBeGreaterThan(vitals.disk?.availableBytes ?? 0)
    expect(vitals.uptimeS).toBeGreaterThan(0)
    expect(vitals.load ?? 0).toBeLessThanOrEqual(1)
  })

  it('lack what cannot be read', async () => {
    const vitals = await new VitalsReader({ dataFolder: '/citynode-none' }).read()
    expect(vitals).not.toHaveProperty('disk')
    expect(vitals).toHaveProperty('memory')
  })
})
