// SPDX-License-Identifier: AGPL-3.0-or-later
/** Fields of forms, each with its label and, where it helps, a hint. */
import type { ComponentChildren, InputHTMLAttributes } from 'preact'
import { useId } from 'preact/hooks'
import type { Visibility } from '../../../contract/contract.ts'
import { usePage } from '../parts/parts.ts'

export function Field(props: {
  label: string
  value: string
  onInput: (value: string) => void
  hint?: string
  wrong?: string | undefined
  lengthMax?: number
  isSecret?: boolean
  isLong?: boolean
}) {
  const id = useId()
  const hintId = `${id}-hint`
  const { hint, wrong } = props
  const described = hint === undefined && wrong === undefined ? {} : { 'aria-describedby': hintId }
  const shared = {
    id,
    value: props.value,
    maxLength: props.lengthMax ?? 255,
    dir: 'auto' as const,
    ...described,
    ...(wrong === undefined ? {} : { 'aria-invalid': true }),
    onInput: (event: { currentTarget: { value: string } }) =>
      props.onInput(event.currentTarget.value),
  }
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.isLong === true ? (
        <textarea rows={3} {...shared} />
      ) : (
        <OneLine isSecret={props.isSecret === true} attributes={shared} />
      )}
      {hint === undefined && wrong === undefined ? null : (
        <p id={hintId} class={wrong === undefined ? 'soft' : 'wrong'}>
          {wrong ?? hint}
        </p>
      )}
    </div>
  )
}

/** A secret is covered, and neither is learnt by the keyboard. */
function OneLine(props: {
  isSecret: boolean
  attributes: Omit<InputHTMLAttributes<HTMLInputElement>, 'type' | 'role' | 'list'>
}) {
  const attributes = { ...props.attributes, autocomplete: 'off', spellcheck: false } as const
  return props.isSecret ? (
    <input type="password" {...attributes} />
  ) : (
    <input type="text" {...attributes} />
  )
}

export function Check(props: { label: string; isOn: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <label class="choice">
      <input
        type="checkbox"
        checked={props.isOn}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  )
}

/** One of a few; each may say more about itself. */
export function Choice<Value extends string>(props: {
  legend: string
  options: readonly { value: Value; label: string; text?: string }[]
  value: Value
  onChange: (value: Value) => void
}) {
  const name = useId()
  return (
    <fieldset class="choices">
      <legend>{props.legend}</legend>
      {props.options.map(({ value, label, text }) => (
        <label key={value} class="choice">
          <input
            type="radio"
            name={name}
            checked={value === props.value}
            onChange={() => props.onChange(value)}
          />
          <span>
            <b>{label}</b>
            {text === undefined ? null : <span class="soft">{text}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  )
}

export function VisibilityChoice(props: {
  value: Visibility
  onChange: (value: Visibility) => void
}) {
  const { say } = usePage().speech
  return (
    <Choice
      legend={say('add.who')}
      value={props.value}
      onChange={props.onChange}
      options={[
        { value: 'private', label: say('add.private'), text: say('add.privateText') },
        { value: 'public', label: say('add.public'), text: say('add.publicText') },
      ]}
    />
  )
}

/** A form in a dialog: what it does at its end, and a way out. */
export function DialogForm(props: {
  send: string
  isDanger?: boolean
  isBusy?: boolean
  onSend: () => void
  onCancel: () => void
  children: ComponentChildren
}) {
  const { say } = usePage().speech
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        if (props.isBusy !== true) props.onSend()
      }}
    >
      {props.children}
      <div class="actions end">
        <button type="button" class="button quiet" onClick={() => props.onCancel()}>
          {say('cancel')}
        </button>
        <button
          type="submit"
          class={`button ${props.isDanger === true ? 'danger' : 'main'}`}
          disabled={props.isBusy === true}
        >
          {props.send}
        </button>
      </div>
    </form>
  )
}
