// A peer made with the TypeScript SDKs of MCP: "node mcp_peer.mjs serve" is a server on its standard input and
// output; "node mcp_peer.mjs call WHICH COMMAND..." a client that starts a server, adds two numbers with its tool
// and lets another fail. WHICH is sdk, version 1; or a mode of version 2: legacy, auto or pin. The packages
// are found from the directory where it is started.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(`${process.cwd()}/`)
const load = async (name) => import(pathToFileURL(require.resolve(name)))
const [what, which, command, ...args] = process.argv.slice(2)
const info = { name: 'peer', version: '1' }

async function serve() {
  const { McpServer } = await load('@modelcontextprotocol/server')
  const { serveStdio } = await load('@modelcontextprotocol/server/stdio')
  const z = await load('zod')
  serveStdio(() => {
    const server = new McpServer(info)
    const inputSchema = z.object({ a: z.number().int(), b: z.number().int() })
    const outputSchema = z.object({ result: z.number().int() })
    server.registerTool('add', { description: 'Add two numbers.', inputSchema, outputSchema }, ({ a, b }) => ({
      content: [{ type: 'text', text: String(a + b) }],
      structuredContent: { result: a + b }
    }))
    server.registerTool('fail', { description: 'Fail.', inputSchema: z.object({}) }, () => {
      throw new Error('it broke')
    })
    return server
  })
}

async function makeClient() {
  if (which === 'sdk') {
    const { Client } = await load('@modelcontextprotocol/sdk/client/index.js')
    return [new Client(info), await load('@modelcontextprotocol/sdk/client/stdio.js')]
  }
  const { Client } = await load('@modelcontextprotocol/client')
  const mode = which === 'pin' ? { pin: '2026-07-28' } : which
  return [new Client(info, { versionNegotiation: { mode } }), await load('@modelcontextprotocol/client/stdio')]
}

async function call() {
  const [client, { StdioClientTransport }] = await makeClient()
  await client.connect(new StdioClientTransport({ command, args, env: process.env, stderr: 'inherit' }))
  for (const { name } of (await client.listTools()).tools) console.log('tool', name)
  for (const name of ['add', 'fail']) {
    const result = await client.callTool({ name, arguments: name === 'add' ? { a: 2, b: 3 } : {} })
    console.log(name, result.isError === true, JSON.stringify(result.structuredContent ?? null))
  }
  await client.close()
}

await (what === 'serve' ? serve() : call())
