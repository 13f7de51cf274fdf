// SPDX-License-Identifier: AGPL-3.0-or-later
/** The page as it is built: light, whole, and asking nobody else for anything. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildPageOnce } from '../support/fake-node-server.ts'

/** All that a browser loads, gzipped. */
const BYTES_MAX = 150_000

let folder: string
let files: readonly string[]

beforeAll(() => {
  folder = buildPageOnce()
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  files = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the built page', () => {
  it('is no heavier than its budget', () => {
    const packed = files.filter((path) => path.endsWith('.gz') && !path.includes('licences'))
    const sizeBytes = packed.reduce((sum, path) => sum + statSync(path).size, 0)
    expect(packed.length).toBeGreaterThanOrEqual(3)
    expect(sizeBytes).toBeLessThanOrEqual(BYTES_MAX)
  })

  it('has beside each file the same, compressed', () => {
    for (const path of files.filter((name) => /\.(?:html|js|css|svg)$/.test(name))) {
      const bytes = readFileSync(path)
      expect(gunzipSync(readFileSync(`${path}.gz`)).equals(bytes), path).toBe(true)
      expect(brotliDecompressSync(readFileSync(`${path}.br`)).equals(bytes), path).toBe(true)
    }
  })

  it('loads what is there, and has nothing inline that its policy forbids', () => {
    const html = readFileSync(join(folder, 'index.html'), 'utf8')
    const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '')
    const own = loaded.filter((path) => path.startsWith('/assets/'))
    expect(own.length).toBe(3)
    for (const path of own) expect(existsSync(join(folder, path)), path).toBe(true)
    expect(loaded.filter((path) => !own.includes(path))).toEqual(['/plain'])
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/)
  })

  it('asks nobody else for anything', () => {
    const css = files
      .filter((path) => path.endsWith('.css'))
      .map((path) => readFileSync(path, 'utf8'))
    expect(css.join('')).not.toMatch(/url\(|@import|https?:/)
  })

  it('says under which licences its parts are', () => {
    expect(readFileSync(join(folder, 'licences.json'), 'utf8')).toMatch(/preact[\s\S]*MIT/)
  })
})
