// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Makes the pictures, the melody, the film and the PDF in `content/` anew. Not a part of the demo:
 * needs Debian's ffmpeg and chromium. Usage: node tools/demo/make-content.ts
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { drawScene, SCENE } from './draw-scene.ts'

const CONTENT = fileURLToPath(new URL('content/', import.meta.url))
const FRAMES_PER_SECOND = 12
const FILM_SECONDS = 10
const SAMPLE_RATE = 24_000

const folder = mkdtempSync(join(tmpdir(), 'citynode-content-'))
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
try {
  const page = await browser.newPage({ viewport: { ...SCENE }, deviceScaleFactor: 1 })
  await pictures(page)
  await film(page)
  melody()
  await booklet(page)
} finally {
  await browser.close()
  rmSync(folder, { recursive: true })
}

async function pictures(page: Page): Promise<void> {
  const svg = drawScene(1, 0.15)
  writeFileSync(join(CONTENT, 'dusk.svg'), svg)
  const large = await browser.newPage({ viewport: { ...SCENE }, deviceScaleFactor: 2 })
  await large.setContent(`<body style="margin:0">${svg}`)
  await large.screenshot({ path: join(folder, 'dusk.png') })
  await large.close()
  ffmpeg('-i', join(folder, 'dusk.png'), '-q:v', '5', join(CONTENT, 'dusk.jpg'))
  await page.goto(`file://${join(CONTENT, 'neighbourhood-map', 'map.svg')}`)
  await page.screenshot({ path: join(CONTENT, 'neighbourhood-map', 'map.png') })
}

async function film(page: Page): Promise<void> {
  await page.goto('about:blank')
  const count = FILM_SECONDS * FRAMES_PER_SECOND
  for (let frame = 0; frame < count; frame++) {
    const instant = Math.min(1, (frame / count) * 1.15)
    const svg = drawScene(instant, (frame / FRAMES_PER_SECOND / 2) % 1)
    await page.setContent(`<body style="margin:0">${svg}`)
    await page.screenshot({ path: join(folder, `${String(frame).padStart(4, '0')}.png`) })
  }
  const input = ['-framerate', `${FRAMES_PER_SECOND}`, '-i', join(folder, '%04d.png')]
  // A key frame every two seconds, and the index at the front: seeking needs both.
  const coding = [
    '-c:v',
    'libvpx-vp9',
    '-b:v',
    '0',
    '-crf',
    '40',
    '-g',
    '24',
    '-pix_fmt',
    'yuv420p',
  ]
  const packing = ['-cues_to_front', '1', join(CONTENT, 'lights-going-on.webm')]
  ffmpeg(...input, ...coding, ...packing)
}

/** A round in four voices that come in one after the other: notes in semitones above A3. */
function melody(): void {
  const line = [3, 5, 7, 8, 7, 5, 3, -2, 3, 7, 10, 8, 7, 5, 3, 3]
  const [beatSeconds, voices] = [0.42, 4]
  const seconds = (line.length + voices * 4) * beatSeconds + 1.5
  const samples = new Float64Array(Math.ceil(seconds * SAMPLE_RATE))
  for (let voice = 0; voice < voices; voice++) {
    line.forEach((semitones, index) => {
      const beat = voice * 4 + index
      const pitch = 220 * 2 ** ((semitones + (voice % 2 === 0 ? 0 : -12)) / 12)
      strike(samples, beat * beatSeconds, pitch)
    })
  }
  const wav = join(folder, 'round.pcm')
  writeFileSync(
    wav,
    Int16Array.from(samples, (value) => Math.tanh(value) * 30_000),
  )
  const input = ['-f', 's16le', '-ar', `${SAMPLE_RATE}`, '-ac', '1', '-i', wav]
  const title = ['-metadata', 'title=Evening Round', '-metadata', 'artist=citynode']
  ffmpeg(...input, '-c:a', 'libopus', '-b:a', '40k', ...title, join(CONTENT, 'evening-round.ogg'))
}

/** A soft bell: three partials that die away. */
function strike(samples: Float64Array, startSeconds: number, pitchHz: number): void {
  const start = Math.floor(startSeconds * SAMPLE_RATE)
  const length = Math.min(samples.length - start, Math.floor(1.4 * SAMPLE_RATE))
  for (let index = 0; index < length; index++) {
    const t = index / SAMPLE_RATE
    const attack = Math.min(1, t / 0.008)
    const partial = (times: number, fall: number) =>
      Math.sin(2 * Math.PI * pitchHz * times * t) * Math.exp(-fall * t)
    const value = partial(1, 2.6) + 0.35 * partial(2, 4.5) + 0.12 * partial(3.01, 8)
    samples[start + index] = (samples[start + index] ?? 0) + attack * value * 0.22
  }
}

async function booklet(page: Page): Promise<void> {
  const html = readFileSync(new URL('put-up-a-node.html', import.meta.url), 'utf8')
  await page.setContent(html)
  await page.pdf({ path: join(CONTENT, 'put-up-a-node.pdf'), format: 'A5', printBackground: true })
}

function ffmpeg(...args: readonly string[]): void {
  execFileSync('ffmpeg', ['-y', '-loglevel', 'error', ...args], { stdio: 'inherit' })
}
