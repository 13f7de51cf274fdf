// SPDX-License-Identifier: AGPL-3.0-or-later
/** The last minutes of something measured, oldest left: uPlot without axes, beside its words. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { usePage } from './context.ts'

/** Pixels; the width is what there is. */
const STRIP_HEIGHT = 44
const STROKES = ['--accent', '--second'] as const

export type Series = readonly (number | null)[]

export interface StripProps {
  label: string
  /** What it is now, in words. */
  now: string
  /** One or two, of one length. */
  series: readonly Series[]
  stepSeconds: number
  /** The least height of the field, so that noise around nothing does not look like a storm. */
  leastTop: number
  format(value: number): string
}

export function Strip(props: StripProps) {
  const { speech, look } = usePage()
  const field = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  useEffect(() => {
    const { current } = field
    if (current === null) return undefined
    const made = makePlot(current, props)
    plot.current = made
    const watch = new ResizeObserver(() => {
      made.setSize({ width: Math.max(40, current.clientWidth), height: STRIP_HEIGHT })
    })
    watch.observe(current)
    return () => {
      watch.disconnect()
      made.destroy()
    }
    // Made anew where colours or the number of lines are others; else only its data are.
  }, [look, props.series.length])
  useEffect(() => plot.current?.setData(dataOf(props)), [props.series])
  return (
    <div class="strip">
      <div class="strip-words">
        <span class="strip-label">{props.label}</span>
        <span class="strip-now">{props.now}</span>
      </div>
      <div class="strip-field">
        <div ref={field} class="strip-plot" aria-hidden="true" />
        <span class="hidden">{rangeOf(props, speech)}</span>
      </div>
    </div>
  )
}

function makePlot(field: HTMLElement, props: StripProps): uPlot {
  const look = getComputedStyle(field)
  const series = props.series.map((_, index) => ({
    stroke: look.getPropertyValue(STROKES[index] ?? STROKES[0]).trim(),
    width: 1.75,
    // The second line is told from the first by its dashes too.
    ...(index === 0 ? {} : { dash: [4, 3] }),
    points: { show: false },
  }))
  const options: uPlot.Options = {
    width: Math.max(40, field.clientWidth),
    height: STRIP_HEIGHT,
    padding: [3, 1, 3, 1],
    cursor: { show: false },
    legend: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { time: false },
      y: { range: (_plot, _low, high) => [0, Math.max(props.leastTop, (high ?? 0) * 1.1)] },
    },
    series: [{}, ...series],
  }
  return new uPlot(options, dataOf(props), field)
}

function dataOf({ series }: StripProps): uPlot.AlignedData {
  const length = series[0]?.length ?? 0
  const steps = Array.from({ length }, (_, step) => step)
  return [steps, ...series.map((values) => [...values])]
}

/** The same for whoever does not see the line. */
function rangeOf(
  props: StripProps,
  { say, figures }: ReturnType<typeof usePage>['speech'],
): string {
  const known = props.series.flat().filter((value) => value !== null)
  const length = props.series[0]?.length ?? 0
  if (known.length === 0) return say('strip.nothing')
  return say('strip.range', {
    duration: figures.duration(length * props.stepSeconds),
    low: props.format(Math.min(...known)),
    high: props.format(Math.max(...known)),
  })
}
