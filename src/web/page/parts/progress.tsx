// SPDX-License-Identifier: AGPL-3.0-or-later
/** How far something is, and how full. */

/** `share` between 0 and 1; undefined: nobody knows how much there will be. */
export function Progress({ share, label }: { share: number | undefined; label: string }) {
  const value = share === undefined ? {} : { value: Math.min(1, Math.max(0, share)) }
  return <progress class="progress" max={1} aria-label={label} {...value} />
}

export function Meter(props: { share: number; label: string; isFull: boolean }) {
  const value = Math.min(1, Math.max(0, props.share))
  return (
    <svg
      class={`meter ${props.isFull ? 'look' : 'ok'}`}
      viewBox="0 0 100 6"
      preserveAspectRatio="none"
      role="img"
      aria-label={props.label}
    >
      <rect class="rest" width="100" height="6" />
      <rect class="part" width={value * 100} height="6" />
    </svg>
  )
}
