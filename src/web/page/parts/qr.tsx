// SPDX-License-Identifier: AGPL-3.0-or-later
/** A link as a QR code: one path in an SVG, dark on light in either look, so that cameras read it. */
import { encode } from 'uqr'

/** Modules of quiet ground around it, as the standard asks. */
const BORDER = 4

export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, data } = encode(text, { ecc: 'M', border: BORDER })
  const path = data
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
    .join('')
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <rect class="qr-ground" width={size} height={size} />
      <path class="qr-ink" d={path} />
    </svg>
  )
}
