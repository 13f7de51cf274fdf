// SPDX-License-Identifier: AGPL-3.0-or-later
/** Buttons and links that look like them: as high as a thumb. */
import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './icons.tsx'

interface Look {
  icon?: IconName
  kind?: 'main' | 'plain' | 'danger' | 'quiet'
  children: ComponentChildren
}

export function Button({
  icon,
  kind = 'plain',
  children,
  ...props
}: Look & { onClick?: () => void; type?: 'button' | 'submit'; disabled?: boolean }) {
  const { type = 'button', disabled = false, onClick } = props
  return (
    <button class={`button ${kind}`} type={type} disabled={disabled} onClick={() => onClick?.()}>
      {icon === undefined ? null : <Icon name={icon} />}
      <span>{children}</span>
    </button>
  )
}

/** A round button with a picture alone; its label is for screen readers and for pointing at. */
export function IconButton(props: { icon: IconName; label: string; onClick: () => void }) {
  return (
    <button
      class="icon-button"
      type="button"
      aria-label={props.label}
      title={props.label}
      onClick={() => props.onClick()}
    >
      <Icon name={props.icon} />
    </button>
  )
}

/** To another origin or to a file: in a tab of its own, which learns nothing of this one. */
export function LinkButton({
  icon,
  kind = 'plain',
  children,
  ...props
}: Look & { href: string; isDownload?: boolean }) {
  const target = props.isDownload === true ? {} : { target: '_blank' }
  return (
    <a class={`button ${kind}`} href={props.href} rel="noopener noreferrer" {...target}>
      {icon === undefined ? null : <Icon name={icon} />}
      <span>{children}</span>
    </a>
  )
}
