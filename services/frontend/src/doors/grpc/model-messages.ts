import {
  create,
  type DescField,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  isFieldSet,
  type Message,
  toBinary,
} from '@bufbuild/protobuf'
import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt'
import { clearedField, protoFieldName, protoPackage, type Shape, shapeOf } from '@weft/aws'

type Members = Readonly<Record<string, unknown>>
/** A message of a type that is known at run time only. */
type AnyMessage = Message & Members

/**
 * Reads and writes messages of `weft.lambda.v1` as the inputs and outputs of the API model, member by member: what is absent
 * in one is absent in the other.
 */
export class ModelMessages {
  readonly #registry: FileRegistry

  constructor(registry: FileRegistry) {
    this.#registry = registry
  }

  /** Throws for bytes that are no such message. */
  decode(shapeName: string, bytes: Uint8Array): Members {
    const desc = this.#messageOf(shapeName)
    const message = fromBinary(desc, bytes) as AnyMessage
    const cleared = (message[clearedField.name] ?? []) as readonly string[]
    return this.#fromStructure(shapeName, message, new Set(cleared))
  }

  encode(shapeName: string, value: Members): Uint8Array {
    return toBinary(this.#messageOf(shapeName), this.#toStructure(shapeName, value))
  }

  #messageOf(shapeName: string): DescMessage {
    const desc = this.#registry.getMessage(`${protoPackage}.${shapeName}`)
    if (!desc) throw new Error(`lambda.proto has no message ${shapeName}`)
    return desc
  }

  #fromStructure(shapeName: string, message: AnyMessage, cleared: ReadonlySet<string> = new Set()): Members {
    const { desc, shape } = this.#describe(shapeName)
    const read: Record<string, unknown> = {}
    for (const [member, { shape: target }] of Object.entries(shape.members ?? {})) {
      const field = fieldOf(desc, member)
      const emptied = cleared.has(field.name) && (field.fieldKind === 'list' || field.fieldKind === 'map')
      if (isFieldSet(message, field) || emptied) read[member] = this.#from(target, message[field.localName])
    }
    return read
  }

  #from(shapeName: string, value: unknown): unknown {
    const shape = shapeOf(shapeName)
    switch (shape.type) {
      case 'structure':
        return this.#fromStructure(shapeName, value as AnyMessage)
      case 'list':
        return listOf(value).map((item) => this.#from(shape.value as string, item))
      case 'map':
        return mapValues(value as Members, (item) => this.#from(shape.value as string, item))
      case 'integer':
        return Number(value)
      case 'timestamp':
        return timestampMs(value as Timestamp) / 1000
      default:
        return value
    }
  }

  #toStructure(shapeName: string, value: Members): AnyMessage {
    const { desc, shape } = this.#describe(shapeName)
    const fields = Object.entries(shape.members ?? {}).flatMap(([member, { shape: target }]) => {
      const given = value[member]
      return given === undefined || given === null ? [] : [[fieldOf(desc, member).localName, this.#to(target, given)]]
    })
    return create(desc, Object.fromEntries(fields)) as AnyMessage
  }

  #to(shapeName: string, value: unknown): unknown {
    const shape = shapeOf(shapeName)
    switch (shape.type) {
      case 'structure':
        return this.#toStructure(shapeName, value as Members)
      case 'list':
        return (value as readonly unknown[]).map((item) => this.#to(shape.value as string, item))
      case 'map': {
        const isWrapped = shapeOf(shape.value as string).type === 'list'
        const wrap = (item: unknown) => create(this.#messageOf(shape.value as string), { values: item })
        return mapValues(value as Members, (item) => {
          const converted = this.#to(shape.value as string, item)
          return isWrapped ? wrap(converted) : converted
        })
      }
      case 'integer':
        return BigInt(value as number)
      case 'timestamp':
        return timestampFromMs((value as number) * 1000)
      default:
        return value
    }
  }

  #describe(shapeName: string): { readonly desc: DescMessage; readonly shape: Shape } {
    return { desc: this.#messageOf(shapeName), shape: shapeOf(shapeName) }
  }
}

function fieldOf(desc: DescMessage, member: string): DescField {
  const name = protoFieldName(member)
  const field = desc.fields.find((one) => one.name === name)
  if (!field) throw new Error(`message ${desc.name} has no field ${name}`)
  return field
}

/** As a value of a map, a list is wrapped in a message. */
const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : ((value as { readonly values?: readonly unknown[] } | undefined)?.values ?? [])

const mapValues = (map: Members | undefined, convert: (value: unknown) => unknown): Members =>
  Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, convert(value)]))
