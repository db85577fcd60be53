import { awsError, err } from '@weft/contracts'
import { type Management, servedOperations } from '../operations/api.ts'

/** Every operation refused, for tests that lay out the ones they ask for. */
export const refusedManagement = (): Management =>
  Object.fromEntries(
    servedOperations.map((name) => [name, async () => err(awsError('NotImplementedException', 'not served'))]),
  ) as unknown as Management
