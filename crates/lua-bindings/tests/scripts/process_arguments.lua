--= calls	true
--= methods	true
--= process_arguments.lua:91: bad argument #1 to 'info' (string expected, got table)
--= process_arguments.lua:92: bad argument #2 to 'info' (table expected, got number)
--= process_arguments.lua:93: bad argument #1 to 'named' (string expected, got no value)
--= process_arguments.lua:94: bad argument #1 to 'with' (table expected, got number)
--= bad argument #1 to 'info' (logger expected, got table)
--= bad argument #1 to 'info' (logger expected, got no value)
--= bad argument #1 to 'receive' (channel expected, got table)
--= bad argument #1 to 'receive' (channel expected, got no value)
--= bad argument #1 to 'new' (number expected, got table)
--= missing argument #1 to 'rep' (string expected)
--= bad argument #1 to 'new' (string or table expected, got no value)	bad argument #1 to 'wrap' (error or string expected, got no value)
--= bad argument #1 to 'require' (string expected, got no value)
--= duration expected, got table
--= bad argument #1 to 'add' (time expected, got table)
--@variable x=1
local time, io, logger, funcs, ctx, events = require("time"), require("io"), require("logger"), require("funcs"), require("ctx"), require("events")
-- Every function there is, without arguments and with wrong ones: no more may happen than an error.
local function quiet() end
local function odd() return {}, quiet, coroutine.create(quiet), 0 / 0, "\255\0", -1e308, true, buffer.create(4), channel.new(1), errors.new("x") end
local skip = { [coroutine.yield] = true, [coroutine.spawn] = true, [process.upgrade] = true }
local calls = 0
local function try(f, ...)
    if skip[f] then return end
    calls += 1
    local co = coroutine.create(pcall)
    coroutine.resume(co, f, ...)
end
local function each(t, seen)
    for name, f in pairs(t) do
        if type(f) == "function" and name ~= "terminate" and name ~= "sleep" and name ~= "receive" and name ~= "send" then
            try(f)
            try(f, nil)
            for _, value in { odd() } do
                try(f, value)
                try(f, value, value)
                try(f, "x", value)
                try(f, value, "x", value)
                try(f, 1, value, value, value)
                try(f, {}, value)
            end
        elseif type(f) == "table" and not seen[f] then
            seen[f] = true
            each(f, seen)
        end
    end
end
local libraries = {
    process, channel, errors, payload, time, io, funcs, ctx, events, require("base64"), require("env"), require("hash"), require("json"),
    require("uuid"), string, table, math, os, bit32, buffer, utf8, coroutine, vector,
    { assert = assert, getmetatable = getmetatable, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall,
      rawequal = rawequal, rawget = rawget, rawlen = rawlen, rawset = rawset, require = require, select = select,
      setmetatable = setmetatable, tonumber = tonumber, tostring = tostring, type = type, typeof = typeof,
      unpack = unpack, xpcall = xpcall },
}
for _, library in libraries do each(library, {}) end
print("calls", calls > 1000)
-- methods: without self, with a foreign one, with too few arguments
local objects = {
    channel.new(), process.inbox(), process.listen("t"), errors.new("e"), logger, time.now(), time.parse_duration("1s"),
    time.utc, time.timer("10m"), time.ticker("10m"), payload.new({}), payload.new("x"):transcode(payload.format.JSON),
    process.with_context({}), funcs.new(), funcs.async("app:child_func_acts", "nothing"),
}
local methods = {
    "send", "receive", "close", "case_send", "case_receive", "kind", "message", "retryable", "details", "stack", "info",
    "with_context", "with_actor", "with_scope", "with_options", "with_name", "with_message", "spawn", "spawn_linked",
    "call", "async", "response", "result", "error", "cancel", "is_complete", "is_canceled", "with", "named", "add", "sub", "format", "unix", "stop", "reset", "channel", "seconds", "in_location", "topic",
    "data", "get_format", "transcode", "unmarshal",
}
local tried = 0
for i, object in objects do
    for _, name in methods do
        local ok, f = pcall(function() return object[name] end)
        if ok and type(f) == "function" and not (name == "receive" or name == "send") then
            for _, self in { 1, "x", {}, quiet, objects[i % #objects + 1] } do
                tried += 1
                pcall(f, self)
                pcall(f, self, self)
            end
            assert(not pcall(f), name)
            pcall(f, object)
            for _, value in { odd() } do pcall(f, object, value, value) end
        end
    end
end
print("methods", tried > 50)
-- numbers of arguments do not count the object
local function text(f, ...) return (select(2, pcall(f, ...))) end
local log = logger
print(text(function() log:info({}) end))
print(text(function() log:info("x", 1) end))
print(text(function() log:named() end))
print(text(function() log:with(1) end))
print(text(log.info, {}))
print(text(log.info))
print(text(channel.new().receive, {}))
print(text(channel.new().receive))
print(text(channel.new, {}))
print(text(string.rep))
print(text(errors.new), text(errors.wrap))
print(text(require))
print(text(time.now().add, time.now(), {}))
print(text(time.now().add, {}))
