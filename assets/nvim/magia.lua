--- magia for Neovim (0.7 or newer): shows magia's agents what is selected here and which problems there are.
---
--- Put this file into a `lua` directory of your configuration and call `require("magia").setup()`. Then:
---   :MagiaMention   put the selected lines (or the file) into the prompts of the agents of this directory
---   :MagiaStatus    which agents hear of this editor
--- `require("magia").on("event", f)` gets every session event. The protocol: docs/ide-protocol.md.

local M = {}

local uv = vim.uv or vim.loop
local bit = require("bit")

local PROTOCOL = 1
local RETRY_MS = 3000
local QUIET_MS = 120
local SEVERITY = { "Error", "Warning", "Info", "Hint" }

local state = { tcp = nil, open = false, buffer = "", parts = {}, next_id = 1, waiting = {}, agents = {}, seq = nil }
local handlers = { event = {}, agents = {}, connected = {} }
local retry, quiet

--- Where magia's `ide.json` may be, the likeliest first.
local function places()
  local named = vim.env.MAGIA_RUNTIME_DIR
  if named then
    return { named }
  end
  local uid = uv.getuid()
  local found = {}
  if vim.env.TMPDIR then
    table.insert(found, ("%s/magia-%d"):format(vim.env.TMPDIR, uid))
  end
  table.insert(found, ("/tmp/magia-%d"):format(uid))
  return found
end

--- Reads where magia listens; a file that is not ours alone is not believed.
local function discover()
  for _, dir in ipairs(places()) do
    local path = dir .. "/ide.json"
    local facts = uv.fs_lstat(path)
    if facts and facts.type == "file" and facts.uid == uv.getuid() and bit.band(facts.mode, 63) == 0 then
      local file = io.open(path)
      local text = file and file:read("*a") or ""
      if file then
        file:close()
      end
      local ok, found = pcall(vim.json.decode, text)
      if ok and type(found) == "table" and found.version == 1 and found.port and found.token then
        return found
      end
    end
  end
end

local function base64(bytes)
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local text = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local all = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 3, 0, -1 do
      local six = math.floor(all / 64 ^ place) % 64
      local missing = (place == 0 and not c) or (place == 1 and not b)
      text[#text + 1] = missing and "=" or letters:sub(six + 1, six + 1)
    end
  end
  return table.concat(text)
end

--- One frame of a client: its bytes are masked.
local function frame(opcode, payload)
  local len = #payload
  local head
  if len < 126 then
    head = string.char(128 + opcode, 128 + len)
  elseif len < 65536 then
    head = string.char(128 + opcode, 128 + 126, bit.rshift(len, 8), len % 256)
  else
    local bytes = {}
    for at = 8, 1, -1 do
      bytes[at] = string.char(len % 256)
      len = math.floor(len / 256)
    end
    head = string.char(128 + opcode, 128 + 127) .. table.concat(bytes)
  end
  local mask = { uv.random(4):byte(1, 4) }
  local masked = {}
  for from = 1, #payload, 4096 do
    local bytes = { payload:byte(from, math.min(from + 4095, #payload)) }
    for at, byte in ipairs(bytes) do
      bytes[at] = bit.bxor(byte, mask[(from + at - 2) % 4 + 1])
    end
    masked[#masked + 1] = string.char(unpack(bytes))
  end
  return head .. string.char(unpack(mask)) .. table.concat(masked)
end

local function write(bytes)
  if state.tcp and not state.tcp:is_closing() then
    state.tcp:write(bytes)
  end
end

local function send(message)
  if not state.open then
    return
  end
  message.jsonrpc = "2.0"
  write(frame(1, vim.json.encode(message)))
end

local function notify(method, params)
  send({ method = method, params = params })
end

local function request(method, params, done)
  local id = state.next_id
  state.next_id = id + 1
  state.waiting[id] = done
  send({ id = id, method = method, params = params })
end

local function tell(name, value)
  for _, handler in ipairs(handlers[name]) do
    handler(value)
  end
end

local function folders()
  local found = { vim.fn.getcwd() }
  for _, client in ipairs((vim.lsp.get_clients or vim.lsp.get_active_clients)()) do
    for _, folder in ipairs(client.workspace_folders or {}) do
      local path = vim.uri_to_fname(folder.uri)
      if not vim.tbl_contains(found, path) then
        table.insert(found, path)
      end
    end
  end
  return found
end

local function is_file(buffer)
  return vim.bo[buffer].buftype == "" and vim.api.nvim_buf_get_name(buffer):sub(1, 1) == "/"
end

--- First and last line of the selection or the cursor's, from 0, and its text.
local function selected()
  local mode = vim.fn.mode()
  if mode ~= "v" and mode ~= "V" and mode ~= "\22" then
    local cursor = vim.api.nvim_win_get_cursor(0)
    local place = { line = cursor[1] - 1, character = cursor[2] }
    return place, place, ""
  end
  local from, to = vim.fn.getpos("v"), vim.fn.getpos(".")
  if from[2] > to[2] or (from[2] == to[2] and from[3] > to[3]) then
    from, to = to, from
  end
  local length = #vim.fn.getline(to[2])
  local first, last = from[3] - 1, math.min(to[3], length)
  if mode == "V" then
    first, last = 0, length
  end
  local lines = vim.api.nvim_buf_get_text(0, from[2] - 1, first, to[2] - 1, last, {})
  return { line = from[2] - 1, character = first }, { line = to[2] - 1, character = last }, table.concat(lines, "\n")
end

local last_selection

local function tell_selection()
  local buffer = vim.api.nvim_get_current_buf()
  if not state.open or not is_file(buffer) then
    return
  end
  local from, to, text = selected()
  local now = { filePath = vim.api.nvim_buf_get_name(buffer), text = text, start = from, ["end"] = to }
  if not vim.deep_equal(now, last_selection) then
    last_selection = now
    notify("selection", now)
  end
end

local function tell_files()
  if not state.open then
    return
  end
  local open, current = {}, vim.api.nvim_get_current_buf()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].buflisted and is_file(buffer) then
      table.insert(open, {
        filePath = vim.api.nvim_buf_get_name(buffer),
        active = buffer == current,
        dirty = vim.bo[buffer].modified,
        language = vim.bo[buffer].filetype,
      })
    end
  end
  notify("files", { files = open })
end

local function tell_problems(buffer)
  if not state.open or not vim.api.nvim_buf_is_valid(buffer) or not is_file(buffer) then
    return
  end
  local rows = {}
  for _, it in ipairs(vim.diagnostic.get(buffer)) do
    table.insert(rows, {
      message = it.message,
      severity = SEVERITY[it.severity] or "Info",
      source = it.source,
      code = it.code and tostring(it.code) or nil,
      range = {
        start = { line = it.lnum, character = it.col },
        ["end"] = { line = it.end_lnum or it.lnum, character = it.end_col or it.col },
      },
    })
  end
  notify("diagnostics", { uri = vim.uri_from_bufnr(buffer), diagnostics = rows })
end

local function tell_all()
  last_selection = nil
  tell_files()
  tell_selection()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and #vim.diagnostic.get(buffer) > 0 then
      tell_problems(buffer)
    end
  end
end

local function opened(path)
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.api.nvim_buf_get_name(buffer) == path then
      return buffer
    end
  end
end

--- Does what an agent wants; an error when it cannot be done.
local function wish(params)
  local arguments = params.arguments or {}
  local path = arguments.filePath
  if type(path) ~= "string" or path:sub(1, 1) ~= "/" then
    error("filePath is no absolute path", 0)
  end
  if params.wish == "openFile" then
    vim.cmd("drop " .. vim.fn.fnameescape(path))
  elseif params.wish == "saveDocument" then
    local buffer = opened(path)
    if not buffer then
      error("it is not open", 0)
    end
    vim.api.nvim_buf_call(buffer, function()
      vim.cmd("silent update")
    end)
    if vim.bo[buffer].modified then
      error("it is still modified", 0)
    end
  else
    error("there is no such wish", 0)
  end
end

--- Tells magia what came of a wish.
local function answer(message)
  local ok, why = pcall(wish, message.params or {})
  if ok then
    send({ id = message.id, result = vim.empty_dict() })
  else
    -- Of Vim's own errors the words, without where in this file they came up.
    local words = tostring(why)
    words = words:match("Vim%b():(E%d+: [^\n]*)") or words:match("^[^\n]*")
    send({ id = message.id, error = { code = -32000, message = words } })
  end
end

local function take(text)
  local ok, message = pcall(vim.json.decode, text, { luanil = { object = true, array = true } })
  if not ok or type(message) ~= "table" then
    return
  end
  if message.id and state.waiting[message.id] then
    local done = state.waiting[message.id]
    state.waiting[message.id] = nil
    done(message.result, message.error)
  elseif message.method == "event" then
    state.seq = message.params.seq or state.seq
    tell("event", message.params)
  elseif message.method == "agents" then
    state.agents = message.params.agents or {}
    tell("agents", state.agents)
  elseif message.method == "editor/wish" then
    answer(message)
  end
end

local connect

local function lost()
  if state.tcp and not state.tcp:is_closing() then
    state.tcp:close()
  end
  state.tcp, state.open, state.buffer, state.parts, state.waiting, state.agents = nil, false, "", {}, {}, {}
  if retry then
    retry:start(RETRY_MS, 0, vim.schedule_wrap(function()
      connect()
    end))
  end
end

--- Takes whole frames out of what has come.
local function frames()
  while true do
    local buffer = state.buffer
    if #buffer < 2 then
      return
    end
    local first, second = buffer:byte(1, 2)
    local len, from = second % 128, 3
    if len == 126 then
      if #buffer < 4 then
        return
      end
      local high, low = buffer:byte(3, 4)
      len, from = high * 256 + low, 5
    elseif len == 127 then
      if #buffer < 10 then
        return
      end
      len, from = 0, 11
      for at = 3, 10 do
        len = len * 256 + buffer:byte(at)
      end
    end
    if #buffer < from + len - 1 then
      return
    end
    local payload = buffer:sub(from, from + len - 1)
    state.buffer = buffer:sub(from + len)
    local opcode, last = first % 16, first >= 128
    if opcode == 8 then
      return lost()
    elseif opcode == 9 then
      write(frame(10, payload))
    elseif opcode <= 1 then
      table.insert(state.parts, payload)
      if last then
        local text = table.concat(state.parts)
        state.parts = {}
        take(text)
      end
    end
  end
end

local function greet()
  local version = vim.version()
  local hello = {
    protocolVersion = PROTOCOL,
    name = "Neovim",
    version = ("%d.%d.%d"):format(version.major, version.minor, version.patch),
    folders = folders(),
  }
  request("initialize", hello, function(_, err)
    if err then
      return lost()
    end
    request("subscribe", state.seq and { since = state.seq } or vim.empty_dict(), function(result)
      -- Lower when magia lost its newest events: it was killed before they were on disk.
      local seq = result and result.seq or 0
      state.seq = math.min(state.seq or seq, seq)
    end)
    tell_all()
    tell("connected", true)
  end)
end

function connect()
  if state.tcp then
    return
  end
  local found = discover()
  if not found then
    return lost()
  end
  local tcp = uv.new_tcp()
  state.tcp = tcp
  tcp:connect("127.0.0.1", found.port, function(err)
    if err then
      return vim.schedule(lost)
    end
    local key = base64(uv.random(16))
    tcp:write(table.concat({
      "GET /editor HTTP/1.1",
      ("Host: 127.0.0.1:%d"):format(found.port),
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: " .. key,
      "Authorization: Bearer " .. found.token,
      "",
      "",
    }, "\r\n"))
    tcp:read_start(vim.schedule_wrap(function(failed, data)
      if state.tcp ~= tcp then
        return
      end
      if failed or not data then
        return lost()
      end
      state.buffer = state.buffer .. data
      if not state.open then
        local head, rest = state.buffer:match("^(.-\r\n\r\n)(.*)$")
        if not head then
          return
        end
        if not head:match("^HTTP/1%.1 101 ") then
          return lost()
        end
        state.buffer, state.open = rest, true
        greet()
      end
      frames()
    end))
  end)
end

--- Calls `handler` for `event` (a session event), `agents` (who hears of this editor) or `connected`.
function M.on(name, handler)
  table.insert(handlers[name], handler)
end

--- Who hears of this editor, and whether it is connected.
function M.status()
  return { connected = state.open, agents = state.agents, seq = state.seq }
end

--- The sessions, as `magia ls --json` has them.
function M.sessions(done)
  request("sessions", vim.empty_dict(), done)
end

--- Puts lines of this file, from 1, into the prompts of this directory's agents; the whole file without lines.
function M.mention(first, last)
  local lines = first and { first - 1, (last or first) - 1 } or nil
  notify("mention", { filePath = vim.api.nvim_buf_get_name(0), lines = lines })
end

--- Connects, and stays connected.
function M.setup()
  if retry then
    return
  end
  retry, quiet = uv.new_timer(), uv.new_timer()
  local group = vim.api.nvim_create_augroup("magia", {})
  local auto = function(events, run)
    vim.api.nvim_create_autocmd(events, { group = group, callback = run })
  end
  auto({ "CursorMoved", "CursorMovedI", "ModeChanged", "BufEnter" }, function()
    quiet:start(QUIET_MS, 0, vim.schedule_wrap(tell_selection))
  end)
  auto({ "BufEnter", "BufDelete", "BufModifiedSet", "BufWritePost" }, function()
    vim.schedule(tell_files)
  end)
  auto("DiagnosticChanged", function(event)
    tell_problems(event.buf)
  end)
  for _, event in ipairs({ "DirChanged", "LspAttach" }) do
    if vim.fn.exists("##" .. event) == 1 then
      auto(event, function()
        notify("folders", { folders = folders() })
      end)
    end
  end
  vim.api.nvim_create_user_command("MagiaMention", function(command)
    if command.range == 0 then
      M.mention()
    else
      M.mention(command.line1, command.line2)
    end
  end, { range = true, desc = "Put this file or these lines into the agents' prompts" })
  vim.api.nvim_create_user_command("MagiaStatus", function()
    local status = M.status()
    local count = #status.agents
    local words = not status.connected and "not connected to magia"
      or ("connected to magia; %d agent%s of this directory hear%s of what is shown here"):format(
        count, count == 1 and "" or "s", count == 1 and "s" or "")
    vim.notify(words)
  end, { desc = "Which agents hear of this editor" })
  connect()
end

return M
