/** A refusal in API Gateway's own codes. */
export interface ApiProblem {
  readonly code: 'BadRequestException' | 'NotFoundException' | 'ConflictException' | 'NotImplementedException'
  readonly message: string
}

export const badRequest = (message: string): ApiProblem => ({ code: 'BadRequestException', message })
export const conflict = (message: string): ApiProblem => ({ code: 'ConflictException', message })
export const notFound = (what: string, id: string): ApiProblem => ({
  code: 'NotFoundException',
  message: `Invalid ${what} identifier specified ${id}`,
})

type Json = Readonly<Record<string, unknown>>

/** Thrown inside a reader and caught by whoever opened the members: a rule reads its input in one go. */
class Unreadable extends Error {}

/** Reads the members of a request. What nobody asks for is refused by name rather than forgotten. */
export class Members {
  readonly #json: Json
  readonly #read = new Set<string>()

  private constructor(json: Json) {
    this.#json = json
  }

  /** What `read` makes of the members, or why it cannot. */
  static read<T>(json: Json, read: (members: Members) => T): { readonly value: T } | { readonly problem: ApiProblem } {
    const members = new Members(json)
    try {
      const value = read(members)
      const strange = Object.keys(json).find((name) => !members.#read.has(name))
      return strange === undefined ? { value } : { problem: badRequest(`${strange} is not served by this fabric.`) }
    } catch (error) {
      if (error instanceof Unreadable) return { problem: badRequest(error.message) }
      throw error
    }
  }

  refuse(message: string): never {
    throw new Unreadable(message)
  }

  /** A member that is taken and means nothing here, if it has this value. */
  only(name: string, ...values: readonly unknown[]): void {
    const value = this.take(name)
    if (value !== undefined && !values.includes(value))
      this.refuse(`${name} ${JSON.stringify(value)} is not served by this fabric.`)
  }

  text(name: string, most: number): string | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value.length > most) return this.refuse(`Invalid value for ${name}.`)
    return value
  }

  required(name: string, most: number): string {
    const value = this.text(name, most)
    return value === undefined || value === '' ? this.refuse(`Missing required field: ${name}`) : value
  }

  boolean(name: string): boolean | undefined {
    const value = this.take(name)
    return value === undefined || typeof value === 'boolean' ? value : this.refuse(`Invalid value for ${name}.`)
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !(value >= least && value <= most))
      return this.refuse(`Invalid value for ${name}: must be between ${least} and ${most}.`)
    return value
  }

  texts(name: string, pattern: RegExp = /^[\s\S]{0,1024}$/): readonly string[] | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (!Array.isArray(value) || value.length > 100) return this.refuse(`Invalid value for ${name}.`)
    return value.map((one: unknown) =>
      typeof one === 'string' && pattern.test(one) ? one : this.refuse(`Invalid value for ${name}.`),
    )
  }

  map(name: string, pattern: RegExp = /^[\s\S]{0,2048}$/): Readonly<Record<string, string>> | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (!isObject(value) || Object.keys(value).length > 100) return this.refuse(`Invalid value for ${name}.`)
    for (const one of Object.values(value))
      if (typeof one !== 'string' || !pattern.test(one)) this.refuse(`Invalid value for ${name}.`)
    return value as Readonly<Record<string, string>>
  }

  /** A member with members of its own. */
  inside<T>(name: string, read: (members: Members) => T): T | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (!isObject(value)) return this.refuse(`Invalid value for ${name}.`)
    const inner = Members.read(value, read)
    return 'problem' in inner ? this.refuse(inner.problem.message) : inner.value
  }

  /** A map whose values have members. */
  each<T>(name: string, read: (members: Members) => T): Readonly<Record<string, T>> | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (!isObject(value) || Object.keys(value).length > 300) return this.refuse(`Invalid value for ${name}.`)
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => {
        const inner = isObject(one) ? Members.read(one, read) : { problem: badRequest(`Invalid value for ${name}.`) }
        return [key, 'problem' in inner ? this.refuse(inner.problem.message) : inner.value]
      }),
    )
  }

  /** As it is. Null is absent, as the SDKs have it. */
  take(name: string): unknown {
    this.#read.add(name)
    return Object.hasOwn(this.#json, name) ? (this.#json[name] ?? undefined) : undefined
  }
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Without the members that are undefined: those that a change leaves as they were. */
export const given = <T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
