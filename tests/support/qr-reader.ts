// SPDX-License-Identifier: AGPL-3.0-or-later
/** Reads a QR code off the screen, as a phone's camera would: by the pixels that are really there. */
import jsqr from 'jsqr'
import type { Locator } from 'playwright-core'

/** Undefined: a camera would not find one. */
export async function readQrCode(code: Locator): Promise<string | undefined> {
  const picture = await code.screenshot({ type: 'png' })
  // The browser takes its own picture apart: no decoder of PNG is needed here.
  const pixels = await code.page().evaluate<{ bytes: number[]; width: number; height: number }>(
    `(async () => {
      const picture = new Image()
      picture.src = 'data:image/png;base64,${picture.toString('base64')}'
      await picture.decode()
      const canvas = new OffscreenCanvas(picture.width, picture.height)
      const pen = canvas.getContext('2d')
      pen.drawImage(picture, 0, 0)
      const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height)
      return { bytes: [...data], width, height }
    })()`,
  )
  // Written in a time before modules: what its types call the default is a member of it.
  const read = typeof jsqr === 'function' ? jsqr : jsqr.default
  return read(Uint8ClampedArray.from(pixels.bytes), pixels.width, pixels.height)?.data
}
