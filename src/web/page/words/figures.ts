// SPDX-License-Identifier: AGPL-3.0-or-later
/** Numbers, sizes, durations and dates as a locale writes them: by `Intl` alone. */

export interface Figures {
  count(value: number): string
  bytes(bytes: number): string
  rate(bytesPerSecond: number): string
  milliseconds(ms: number): string
  /** Of a share between 0 and 1. */
  percent(share: number): string
  celsius(degrees: number): string
  /** The two largest units. */
  duration(seconds: number): string
  /** "5 minutes ago". */
  ago(seconds: number): string
  dateTime(ms: number): string
  list(parts: readonly string[]): string
}

/** Decimal, as disks are sold and as every locale knows them. */
const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const

const SPANS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

export function createFigures(locale: string): Figures {
  const unit = unitsOf(locale)
  const whole = new Intl.NumberFormat(locale)
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 })
  const percentWhole = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 })
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
  const narrow = new Intl.ListFormat(locale, { type: 'unit', style: 'narrow' })
  const conjunction = new Intl.ListFormat(locale, { type: 'conjunction' })
  const bytes = (value: number, stepMin = 0): string => {
    const { amount, step } = scaled(value, stepMin)
    return unit(BYTE_UNITS[step] ?? 'petabyte', step === 0 ? 0 : digitsOf(amount), amount)
  }
  return {
    count: (value) => whole.format(value),
    bytes: (value) => bytes(value),
    rate: (value) => `${bytes(value, 1)}/s`,
    milliseconds: (ms) => unit('millisecond', digitsOf(ms), ms),
    percent: (share) => (share >= 0.1 ? percentWhole : percent).format(share),
    celsius: (degrees) => unit('celsius', 0, degrees),
    duration: (seconds) => {
      const parts = partsOf(seconds).map(([name, amount]) => unit(name, 0, amount))
      return narrow.format(parts)
    },
    ago: (seconds) => {
      const [name, amount] = partsOf(seconds)[0] ?? ['second', 0]
      return relative.format(-amount, name)
    },
    dateTime: (ms) => dateTime.format(new Date(ms)),
    list: (parts) => conjunction.format(parts),
  }
}

/** Formatters are dear to make and cheap to use. */
function unitsOf(locale: string): (name: string, digits: number, amount: number) => string {
  const made = new Map<string, Intl.NumberFormat>()
  return (name, digits, amount) => {
    const key = `${name} ${digits}`
    // In short some locales write "5 byte".
    const unitDisplay = name === 'byte' ? 'long' : 'short'
    const options = { unit: name, maximumFractionDigits: digits, unitDisplay } as const
    const format = made.get(key) ?? new Intl.NumberFormat(locale, { style: 'unit', ...options })
    made.set(key, format)
    return format.format(amount)
  }
}

function scaled(bytes: number, stepMin: number): { amount: number; step: number } {
  let amount = Math.max(0, bytes) / 1_000 ** stepMin
  let step = stepMin
  // Not 1,000 but what would be rounded to it: "1 MB" and never "1,000 kB".
  while (amount >= (step === 0 ? 1_000 : 999.5) && step < BYTE_UNITS.length - 1) {
    amount /= 1_000
    step++
  }
  return { amount, step }
}

function digitsOf(amount: number): number {
  return amount < 10 ? 1 : 0
}

/** The two largest units that are not zero, next to each other. */
function partsOf(seconds: number): (readonly [(typeof SPANS)[number][0], number])[] {
  const total = Math.max(0, Math.floor(seconds))
  const first = SPANS.findIndex(([, size]) => total >= size)
  if (first === -1) return [['second', 0]]
  return SPANS.slice(first, first + 2)
    .map(([name, size], index) => {
      const larger = SPANS[first + index - 1]?.[1]
      const rest = index === 0 || larger === undefined ? total : total % larger
      return [name, Math.floor(rest / size)] as const
    })
    .filter(([, amount], index) => index === 0 || amount > 0)
}
