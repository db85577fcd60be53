/**
 * Parameters of AWS's query protocol. Reading collects what is wrong, so that an operation reads all it needs and asks once
 * whether it may go on; the words are those of the services.
 */
export class Params {
  readonly #values: URLSearchParams
  readonly #problems: string[] = []

  constructor(values: URLSearchParams) {
    this.#values = values
  }

  /** `1 validation error detected: …`; undefined when all that was read is well formed. */
  get problem(): string | undefined {
    const { length } = this.#problems
    if (length === 0) return undefined
    return `${length} validation error${length === 1 ? '' : 's'} detected: ${this.#problems.join('; ')}`
  }

  optional(name: string, rule: TextRule): string | undefined {
    const value = this.#values.get(name) ?? undefined
    if (value !== undefined) this.#check(name, value, rule)
    return value
  }

  required(name: string, rule: TextRule): string {
    const value = this.optional(name, rule)
    if (value === undefined) this.#refuse('null', name, 'Member must not be null')
    return value ?? ''
  }

  integer(name: string, range: { readonly min: number; readonly max: number }): number | undefined {
    const text = this.#values.get(name)
    if (text === null) return undefined
    const value = /^-?\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    const shown = `'${shorten(text)}'`
    if (Number.isNaN(value)) this.#refuse(shown, name, 'Member must be an integer')
    else if (value < range.min)
      this.#refuse(shown, name, `Member must have value greater than or equal to ${range.min}`)
    else if (value > range.max) this.#refuse(shown, name, `Member must have value less than or equal to ${range.max}`)
    return value
  }

  flag(name: string): boolean {
    return this.#values.get(name)?.toLowerCase() === 'true'
  }

  has(name: string): boolean {
    return [...this.#values.keys()].some((key) => key === name || key.startsWith(`${name}.`))
  }

  /** `Name.member.1`, `Name.member.2` …, or `Name.member.1.Field` with a field. */
  list(name: string, rule: TextRule, field?: string): readonly string[] {
    return this.#places(name, field).map((place) => this.required(place, rule))
  }

  /** `Tags.member.N.Key` and `.Value`. */
  tags(): readonly { readonly key: string; readonly value: string }[] {
    return this.#places('Tags', 'Key').map((place) => ({
      key: this.required(place, tagKey),
      value: this.required(place.replace(/Key$/, 'Value'), tagValue),
    }))
  }

  /** `Name.member.1` …, or `Name.entry.1` … of a map: the beginnings of the elements that have the field. */
  elements(name: string, kind: 'member' | 'entry', field: string): readonly string[] {
    const found: string[] = []
    for (let at = 1; at <= longestList && this.#values.has(`${name}.${kind}.${at}.${field}`); at++)
      found.push(`${name}.${kind}.${at}`)
    return found
  }

  #places(name: string, field: string | undefined): readonly string[] {
    if (field !== undefined) return this.elements(name, 'member', field).map((element) => `${element}.${field}`)
    const places: string[] = []
    for (let at = 1; at <= longestList && this.#values.has(`${name}.member.${at}`); at++)
      places.push(`${name}.member.${at}`)
    return places
  }

  #check(name: string, value: string, { min = 0, max, pattern, oneOf }: TextRule): void {
    const shown = `'${shorten(value)}'`
    if (value.length < min) this.#refuse(shown, name, `Member must have length greater than or equal to ${min}`)
    if (value.length > max) this.#refuse(shown, name, `Member must have length less than or equal to ${max}`)
    else if (pattern && !pattern.test(value))
      this.#refuse(shown, name, `Member must satisfy regular expression pattern: ${pattern.source.slice(1, -1)}`)
    if (oneOf && !oneOf.includes(value))
      this.#refuse(shown, name, `Member must satisfy enum value set: [${oneOf.join(', ')}]`)
  }

  #refuse(value: string, name: string, constraint: string): void {
    const at = name.charAt(0).toLowerCase() + name.slice(1)
    const shown = value === 'null' ? 'Value null' : `Value ${value}`
    if (this.#problems.length < mostProblems)
      this.#problems.push(`${shown} at '${at}' failed to satisfy constraint: ${constraint}`)
  }
}

export interface TextRule {
  readonly min?: number
  readonly max: number
  /** Anchored at both ends. */
  readonly pattern?: RegExp
  readonly oneOf?: readonly string[]
}

const longestList = 200
const mostProblems = 10
const shorten = (text: string): string => (text.length > 256 ? `${text.slice(0, 256)}…` : text)

const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u
const tagKey: TextRule = { min: 1, max: 128, pattern: tagText }
const tagValue: TextRule = { max: 256, pattern: tagText }
