import data from './lambda.json' with { type: 'json' }
import type { OperationName } from './types.ts'

/** Where a member of a request or response travels; in the JSON body when absent. */
export type Binding = 'label' | 'query' | 'header' | 'payload' | 'status'

export interface Member {
  readonly shape: string
  readonly in?: Binding
  /** Name of the label, query key or header. */
  readonly name?: string
}

export interface Shape {
  readonly type:
    | 'string'
    | 'integer'
    | 'double'
    | 'boolean'
    | 'timestamp'
    | 'blob'
    | 'document'
    | 'list'
    | 'map'
    | 'structure'
  /** Length of strings, lists, maps and blobs; value of numbers. */
  readonly min?: number
  readonly max?: number
  /** Java regular expression, matched against the whole string. */
  readonly pattern?: string
  readonly enum?: readonly string[]
  /** Its value never appears in a message. */
  readonly sensitive?: boolean
  /** Shapes of the keys of a map, and of the values of a map or list. */
  readonly key?: string
  readonly value?: string
  readonly members?: Readonly<Record<string, Member>>
  readonly required?: readonly string[]
}

export interface OperationModel {
  readonly method: string
  readonly path: string
  /** Query that tells the operation from another of the same path. */
  readonly query?: Readonly<Record<string, string>>
  readonly status: number
  readonly input: string
  readonly output: string
  readonly errors: readonly string[]
}

interface ApiModel {
  readonly operations: Readonly<Record<OperationName, OperationModel>>
  readonly shapes: Readonly<Record<string, Shape>>
  readonly errors: Readonly<Record<string, { readonly status: number; readonly message: 'message' | 'Message' }>>
}

/** The Lambda API, 2015-03-31 and the later dates of its paths: every operation, generated. */
export const lambdaModel: ApiModel = data as unknown as ApiModel

export const operationNames = Object.keys(lambdaModel.operations) as OperationName[]

export function shapeOf(name: string): Shape {
  const shape = lambdaModel.shapes[name]
  if (!shape) throw new Error(`the model has no shape ${name}`)
  return shape
}
