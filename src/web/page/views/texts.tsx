// SPDX-License-Identifier: AGPL-3.0-or-later
/** What may be said of an item: the same fields when it is added and when it is edited. */
import { ITEM_NAME_LENGTH_MAX, ITEM_TEXT_LENGTH_MAX } from '../../../contract/contract.ts'
import { usePage } from '../parts/parts.ts'
import { Field } from './form.tsx'

export interface Texts {
  name: string
  title: string
  description: string
  language: string
  licence: string
}

export const NO_TEXTS: Texts = { name: '', title: '', description: '', language: '', licence: '' }

/** The node counts bytes: a quarter of them are characters in any script. */
const TEXT_CHARACTERS_MAX = ITEM_TEXT_LENGTH_MAX / 4

export function TextFields(props: {
  texts: Texts
  onChange: (texts: Texts) => void
  /** Not where several items are told about at once. */
  isOfOne: boolean
}) {
  const { say } = usePage().speech
  const { texts, onChange } = props
  const set = (name: keyof Texts) => (value: string) => onChange({ ...texts, [name]: value })
  return (
    <>
      {props.isOfOne ? (
        <>
          <Field
            label={say('add.name')}
            value={texts.name}
            onInput={set('name')}
            lengthMax={ITEM_NAME_LENGTH_MAX}
          />
          <Field
            label={say('add.titleField')}
            value={texts.title}
            onInput={set('title')}
            lengthMax={TEXT_CHARACTERS_MAX}
          />
        </>
      ) : null}
      <Field
        label={say('add.description')}
        value={texts.description}
        onInput={set('description')}
        lengthMax={TEXT_CHARACTERS_MAX}
        isLong
      />
      <div class="pair">
        <Field
          label={say('add.language')}
          hint={say('add.languageHint')}
          value={texts.language}
          onInput={set('language')}
          lengthMax={35}
        />
        <Field
          label={say('add.licence')}
          hint={say('add.licenceHint')}
          value={texts.licence}
          onInput={set('licence')}
        />
      </div>
    </>
  )
}
