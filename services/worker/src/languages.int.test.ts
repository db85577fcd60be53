import { dirname } from 'node:path'
import { RunStatus } from '@weft/contracts/worker'
import { detectRuntimes } from '@weft/runtimes'
import { compileJar, compileJava } from '@weft/runtimes/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DriverUnderTest, drivers } from './testing/drivers.ts'
import { leftovers } from './testing/leftovers.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

const detected = detectRuntimes()
const java = detected.find(({ language }) => language === 'java')
const ruby = detected.find(({ language }) => language === 'ruby')

const probe = `package app;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
import java.nio.file.*;
import java.util.*;
public class Probe implements RequestHandler<Map<String, String>, Map<String, Object>> {
  private static int calls;
  @Override public Map<String, Object> handleRequest(Map<String, String> event, Context context) {
    calls += 1;
    if (event.containsKey("crash")) Runtime.getRuntime().halt(3);
    Map<String, Object> seen = new TreeMap<>();
    seen.put("calls", calls);
    seen.put("layer", layer.Words.text());
    seen.put("file", new File("word.txt").exists());
    seen.put("root", System.getenv("LAMBDA_TASK_ROOT"));
    seen.put("version", Runtime.version().feature());
    seen.put("random", new java.security.SecureRandom().nextInt(1) == 0);
    seen.put("zone", TimeZone.getDefault().getID());
    return seen;
  }
}`

test('the host has Java and Ruby', () => {
  expect(java).toBeDefined()
  expect(ruby).toBeDefined()
})

describe.each(drivers)('over the $name driver', ({ name, prepare }) => {
  const isolated = name !== 'process'
  let data: ReturnType<typeof testDataDir>
  let host: Awaited<ReturnType<DriverUnderTest['prepare']>>
  let w: TestWorker
  beforeAll(async () => {
    data = testDataDir()
    host = await prepare()
    w = await TestWorker.start(host.create(data.path), data.path)
  })
  afterAll(async () => {
    await w[Symbol.asyncDispose]()
    expect(leftovers(data.path)).toEqual([])
    data.remove()
    await host[Symbol.asyncDispose]()
  })

  test('Java: jars of layers, its folder, and a new machine after a crash', async () => {
    const { id = '', binary = '', client = '', version = '' } = java ?? {}
    const home = dirname(dirname(binary))
    const words = await compileJar(home, client, {
      'layer/Words.java': 'package layer; public class Words { public static String text() { return "of a layer"; } }',
    })
    const stub = {
      'layer/Words.java': 'package layer; public class Words { public static String text() { return null; } }',
    }
    const { 'app/Probe.class': classFile } = await compileJava(home, client, { 'app/Probe.java': probe, ...stub })
    const env = await w.environment(
      { 'app/Probe.class': classFile ?? '', 'word.txt': 'x' },
      { runtime: id, handler: 'app.Probe', memoryMb: 512, layers: [w.layer({ 'java/lib/words.jar': words })] },
    )
    const expected = { layer: 'of a layer', file: true, version: Number.parseInt(version, 10), random: true }
    const seen = await env.call()
    expect(seen).toMatchObject({ ...expected, calls: 1 })
    if (isolated) expect(seen).toMatchObject({ root: '/var/task', zone: 'UTC' })
    expect(await env.call()).toMatchObject({ ...expected, calls: 2 })
    const crashed = await env.run({ crash: 'now' })
    expect(crashed.status).toBe(RunStatus.RUN_STATUS_FUNCTION_ERROR)
    expect(JSON.parse(crashed.payload.toString())).toMatchObject({ errorType: 'Runtime.ExitError' })
    expect(await env.call()).toMatchObject({ ...expected, calls: 1 })
  })

  test('Ruby: gems of the package and of layers, libraries, and what its release brings', async () => {
    const { id = '' } = ruby ?? {}
    const api = `${id.slice(4)}.0`
    const gem = (gemName: string): Record<string, string> => ({
      [`gems/${gemName}-1.0/lib/${gemName}.rb`]: `${gemName.toUpperCase()} = '${gemName}'`,
      [`specifications/${gemName}-1.0.gemspec`]: `Gem::Specification.new { |s| s.name = '${gemName}'; s.version = '1.0'; s.summary = 'x'; s.authors = ['x'] }`,
    })
    const under = (folder: string, files: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]))
    const layer = w.layer({ ...under(`ruby/gems/${api}`, gem('layered')), 'ruby/lib/plain.rb': "PLAIN = 'plain'" })
    const env = await w.environment(
      {
        'app.rb': `require 'bundled'; require 'layered'; require 'plain'; require 'json'; require 'net/http'; require 'openssl'
def run(event:, context:) = [BUNDLED, LAYERED, PLAIN, Dir.pwd, Encoding.default_external.name, Time.now.utc_offset]`,
        ...under(`vendor/bundle/ruby/${api}`, gem('bundled')),
      },
      { runtime: id, handler: 'app.run', layers: [layer] },
    )
    const seen = (await env.call()) as unknown[]
    expect(seen.slice(0, 3)).toEqual(['bundled', 'layered', 'plain'])
    if (isolated) expect(seen[3]).toBe('/var/task')
    expect(seen.slice(4)).toEqual(['UTF-8', 0])
  })

  const wrapped: readonly (readonly [language: string, handler: string, files: Readonly<Record<string, string>>])[] = [
    [
      'nodejs',
      'app.run',
      { 'app.mjs': 'export const run = async () => [process.env.ADDED, process.env.OWN, process.cwd()]' },
    ],
    [
      'python',
      'app.run',
      { 'app.py': 'import os\ndef run(e, c): return [os.environ["ADDED"], os.environ["OWN"], os.getcwd()]' },
    ],
    ['ruby', 'app.run', { 'app.rb': 'def run(event:, context:) = [ENV["ADDED"], ENV["OWN"], Dir.pwd]' }],
  ]
  test.each(wrapped)(
    '%s: a wrapper script starts the runtime, and what it sets is there',
    async (language, handler, files) => {
      const runtime = detected.find((one) => one.language === language)?.id ?? ''
      const wrapper = w.layer({ 'bin/wrapper': '#!/bin/sh\nexport ADDED="by $#"\nexec "$@"\n' })
      const environment = { AWS_LAMBDA_EXEC_WRAPPER: '/opt/bin/wrapper', OWN: 'x' }
      const starting = w.environment(files, { runtime, handler, environment, layers: [wrapper] })
      // Layers lie elsewhere where nothing is isolated, so the script is not found: that is told, and nothing runs without it.
      if (!isolated)
        return expect(await (await starting).call()).toMatchObject({ errorType: 'Runtime.InvalidEntrypoint' })
      const env = await starting
      for (let n = 0; n < 2; n++) expect(await env.call()).toEqual([expect.stringMatching(/^by \d$/), 'x', '/var/task'])
    },
  )

  test('Java: a wrapper script starts the machine, and a full heap is told', async () => {
    const { id = '', binary = '', client = '' } = java ?? {}
    const hog = `package app;
import java.util.*;
public class Hog {
  public static Object run(int mb) {
    List<byte[]> held = new ArrayList<>();
    for (int n = 0; n < mb; n++) held.add(new byte[1 << 20]);
    return List.of(held.size(), System.getProperty("added", ""), Runtime.getRuntime().maxMemory() >> 20);
  }
}`
    const { 'app/Hog.class': classFile = '' } = await compileJava(dirname(dirname(binary)), client, {
      'app/Hog.java': hog,
    })
    const java1 = { runtime: id, handler: 'app.Hog::run' }
    for (const memoryMb of isolated ? [128, 256, 1_024] : [256]) {
      const env = await w.environment({ 'app/Hog.class': classFile }, { ...java1, memoryMb })
      const [, , heapMb] = (await env.call(1)) as [number, string, number]
      // Almost all of the heap is had within the sandbox's memory; more than all of it is an error, not a kill.
      const most = Math.floor(heapMb * 0.6)
      expect(await env.call(most)).toEqual([most, '', heapMb])
      expect(await env.call(heapMb + 1)).toMatchObject({ errorType: 'java.lang.OutOfMemoryError' })
      expect(await env.call(1)).toEqual([1, '', heapMb])
    }
    if (!isolated) return
    const wrapper = w.layer({ 'bin/wrapper': '#!/bin/sh\nprogram=$1; shift\nexec "$program" -Dadded=yes "$@"\n' })
    const environment = { AWS_LAMBDA_EXEC_WRAPPER: '/opt/bin/wrapper' }
    const env = await w.environment({ 'app/Hog.class': classFile }, { ...java1, environment, layers: [wrapper] })
    expect(await env.call(1)).toEqual([1, 'yes', expect.any(Number)])
  })
})
