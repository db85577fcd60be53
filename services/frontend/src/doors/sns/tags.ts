import type { Topic } from '@weft/contracts'
import { ServiceRefusal } from '../json/refusal.ts'
import { anyText, changeTopic, checked, type SnsCall, type SnsOperation } from './context.ts'

const mostTags = 50

/** Tags are asked for by an operation of all services alike, in words of its own. */
function tagged({ topic }: SnsCall): Topic {
  if (!topic) throw new ServiceRefusal('ResourceNotFound', 'Resource does not exist', 404)
  return topic
}

export const tagResource: SnsOperation = async (call) => {
  const given = call.params.tags()
  checked(call)
  await changeTopic(call, tagged(call), (topic) => {
    const tags = { ...topic.tags, ...Object.fromEntries(given.map(({ key, value }) => [key, value])) }
    if (Object.keys(tags).length > mostTags)
      throw new ServiceRefusal('TagLimitExceeded', 'Could not complete request: tag quota of per resource exceeded')
    return { ...topic, tags }
  })
  return {}
}

export const untagResource: SnsOperation = async (call) => {
  const names = call.params.list('TagKeys', anyText)
  checked(call)
  await changeTopic(call, tagged(call), (topic) => ({
    ...topic,
    tags: Object.fromEntries(Object.entries(topic.tags).filter(([name]) => !names.includes(name))),
  }))
  return {}
}

export const listTagsForResource: SnsOperation = async (call) => ({
  Tags: { member: Object.entries(tagged(call).tags).map(([Key, Value]) => ({ Key, Value })) },
})
