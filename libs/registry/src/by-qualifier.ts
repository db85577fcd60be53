import { type FunctionRecord, LATEST } from '@weft/contracts'
import { eventInvokeOf, withEventInvoke } from './event-invoke.ts'

/** Settings of a function that belong to one of its qualifiers each; none are handed down to another. */
type Kept = Required<
  Pick<FunctionRecord, 'urls' | 'policies' | 'provisioned' | 'scaling' | 'wokenSnapStarts' | 'runtimeManagement'>
>
export type QualifiedKind = keyof Kept
type Setting<K extends QualifiedKind> = Kept[K][string]

const settings = <K extends QualifiedKind>(record: FunctionRecord, kind: K) =>
  (record[kind] ?? {}) as Readonly<Record<string, Setting<K>>>

const kinds: readonly QualifiedKind[] = [
  'urls',
  'policies',
  'provisioned',
  'scaling',
  'wokenSnapStarts',
  'runtimeManagement',
]

/** What a qualifier has of a kind; `$LATEST` is the function itself. */
export function qualifiedOf<K extends QualifiedKind>(
  record: FunctionRecord,
  kind: K,
  qualifier: string,
): Setting<K> | undefined {
  const all = settings(record, kind)
  return Object.hasOwn(all, qualifier) ? all[qualifier] : undefined
}

/** The function with another setting of a kind for a qualifier, or with none. */
export function withQualified<K extends QualifiedKind>(
  record: FunctionRecord,
  kind: K,
  qualifier: string,
  setting: Setting<K> | undefined,
): FunctionRecord {
  const { [kind]: _before, ...rest } = record
  const others = Object.entries(settings(record, kind)).filter(([name]) => name !== qualifier)
  if (setting !== undefined) others.push([qualifier, setting])
  return (others.length === 0 ? rest : { ...rest, [kind]: Object.fromEntries(others) }) as FunctionRecord
}

/** Qualifiers that have a setting of a kind: `$LATEST` first, the others in order of name. */
export const qualifiersWith = (record: FunctionRecord, kind: QualifiedKind): readonly string[] =>
  Object.keys(record[kind] ?? {}).sort((a, b) => (a === LATEST ? -1 : b === LATEST ? 1 : a < b ? -1 : 1))

/** The function without any setting of a version or alias that is no more; the same record when there were none. */
export function withoutQualifier(record: FunctionRecord, qualifier: string): FunctionRecord {
  const left = kinds
    .filter((kind) => qualifiedOf(record, kind, qualifier) !== undefined)
    .reduce((next, kind) => withQualified(next, kind, qualifier, undefined), record)
  return eventInvokeOf(left, qualifier) ? withEventInvoke(left, qualifier, undefined) : left
}
