local exec = require("exec")
local security = require("security")
local time = require("time")

local function show(...) print(...) end
local function try(label, f, ...)
    local ok, err = pcall(f, ...)
    if ok then return print(label, "ok", err) end
    print(label, type(err) == "userdata" and err:kind() .. ": " .. err:message() or err, type(err) == "userdata" and err:retryable())
end
local function read_all(stream)
    local all = {}
    while true do
        local chunk = stream:read()
        if not chunk then return table.concat(all) end
        table.insert(all, chunk)
    end
end

local function main()
    -- getting
    try("get", exec.get, "")
    try("get", exec.get, "app:nothing")
    try("get", exec.get, "app:processes")
    try("get", exec.get, "app:container")
    try("get", exec.get)
    try("get", exec.get, {})
    local native = exec.get("process:native")
    print(tostring(native))

    -- creating
    for _, command in { "", "  \n" } do try("exec", native.exec, native, command) end
    try("exec", native.exec, native)
    try("exec", native.exec, native, {})
    try("exec", native.exec, native, "true", "options")
    try("exec", native.exec, native, "true", { work_dir = 1 })
    try("exec", native.exec, native, "true", { env = "A=1" })
    try("exec", native.exec, native, "true", { env = { A = {} } })
    try("exec", native.exec, native, "true", { env = { [1] = "x" } })
    try("exec", native.exec, native, "true", { env = { ["A=B"] = "x" } })
    local explicit = exec.get("app:explicit")
    try("exec", explicit.exec, explicit, "echo 'unbalanced")
    local limited = exec.get("app:limited")
    try("exec", limited.exec, limited, "echo other")

    -- starting
    for _, command in { "no_such_program", "/etc", "/etc/passwd" } do
        local proc = native:exec(command)
        try("start", proc.start, proc)
        print(proc:wait())
    end
    local proc = native:exec("true", { work_dir = "/no/such/folder" })
    try("start", proc.start, proc)

    -- defaults, options over them, and limits
    proc = limited:exec("echo $GREETING $NUMBER; pwd", { env = { NUMBER = 8, FLAG = true } })
    proc:start()
    try("start", proc.start, proc)
    print(read_all(proc:stdout_stream()), proc:wait())
    local sleeper = limited:exec("sleep 60")
    sleeper:start()
    proc = limited:exec("sleep 60")
    try("start", proc.start, proc)
    print(sleeper:close(), sleeper:close(true), sleeper:wait())

    -- before the start, and after the end
    proc = native:exec("exit 3")
    for _, name in { "signal", "write_stdin", "close_stdin", "wait" } do print(name, proc[name](proc, name == "signal" and 15 or "x")) end
    local stream = proc:stdout_stream()
    print(stream == proc:stdout_stream(), stream == proc:stderr_stream())
    proc:start()
    print("codes", proc:wait(), proc:wait())
    for _, name in { "signal", "write_stdin", "close_stdin" } do print(name, proc[name](proc, name == "signal" and 15 or "x")) end
    try("start", proc.start, proc)
    try("stdout_stream", proc.stdout_stream, proc)
    print(stream:read())
    print(stream:write("x"))
    print(stream:close(), stream:close())
    print(stream:read())
    print(proc:close(), proc:close(true))
    proc = native:exec("true")
    print(proc:close(), proc:wait())
    try("start", proc.start, proc)

    -- signals
    proc = native:exec("sleep 60")
    proc:start()
    for _, number in { 0, 65, -1, 1.5, 0 / 0 } do print("signal", proc:signal(number)) end
    try("signal", proc.signal, proc, "x")
    print(proc:signal(9), proc:wait())

    -- input: explicit ends, one write, and nobody left to write
    proc = explicit:exec("cat")
    proc:start()
    print(proc:write_stdin("a"), proc:write_stdin(""), proc:write_stdin("b"))
    print(read_all(proc:stdout_stream()), proc:wait())
    proc = exec.get("app:once"):exec("cat")
    proc:start()
    print(proc:write_stdin("once"), read_all(proc:stdout_stream()), proc:wait())
    proc = native:exec("cat; echo over")
    proc:start()
    print(proc:write_stdin("idle "), read_all(proc:stdout_stream()), proc:wait())
    proc = native:exec("cat")
    proc:start()
    print("wait ends input", proc:wait())

    -- several wait, and streams stay readable
    proc = native:exec("echo out; echo err >&2; exit 5")
    local out, err = proc:stdout_stream(), proc:stderr_stream()
    proc:start()
    local codes = channel.new(2)
    for _ = 1, 2 do coroutine.spawn(function() codes:send(proc:wait()) end) end
    print("all get it", codes:receive(), codes:receive())
    print(read_all(out), read_all(err))
    -- scanners on output
    proc = native:exec("printf 'one two\\nthree\\r\\nfour'")
    proc:start()
    local scanner, lines = proc:stdout_stream():scanner("lines"), {}
    while scanner:scan() do table.insert(lines, scanner:text()) end
    print(table.concat(lines, "|"), proc:wait())

    -- two who read one stream get its bytes in turn, in order
    proc = native:exec("seq 1 40000")
    proc:start()
    local shared, parts, readers = proc:stdout_stream(), {}, channel.new(2)
    for _ = 1, 2 do
        coroutine.spawn(function()
            local count = 0
            while true do
                local chunk = shared:read()
                if not chunk then break end
                count += 1
                table.insert(parts, chunk)
            end
            readers:send(count)
        end)
    end
    readers:receive() readers:receive()
    local numbers = {}
    for number = 1, 40000 do numbers[number] = number .. "\n" end
    print("in order", table.concat(parts) == table.concat(numbers), proc:wait())
    -- and few bytes at a time
    proc = native:exec("seq 1 2000")
    proc:start()
    local few, largest = {}, 0
    while true do
        local chunk = proc:stdout_stream():read(7)
        if not chunk then break end
        largest = math.max(largest, #chunk)
        table.insert(few, chunk)
    end
    print("few", largest, table.concat(few) == table.concat(numbers, "", 1, 2000), proc:wait())

    -- whoever reads what never ends leaves the others their turns
    for _, act in { "read", "scan" } do
        proc = native:exec(act == "read" and "yes" or "yes ''")
        proc:start()
        local endless, done = proc:stdout_stream(), channel.new(1)
        coroutine.spawn(function()
            if act == "read" then
                repeat local chunk, why = endless:read() until not chunk
                done:send(tostring(select(2, endless:read())))
            else
                local words = endless:scanner("words")
                done:send(tostring(words:scan()) .. " " .. tostring(words:err()))
            end
        end)
        time.sleep("20ms")
        endless:close()
        print("endless", act, done:receive())
        proc:close(true)
        proc:wait()
    end

    -- where nobody can wait, nobody reads, whatever is there
    proc = native:exec("printf there")
    proc:start()
    local there = proc:stdout_stream()
    proc:wait()
    local _, why = pcall(function() return setmetatable({}, { __index = function() return there:read() end }).x end)
    print("unwaitable", tostring(why):match("attempt.*"))
    print(there:read(2), there:read(), there:read())

    -- releasing
    proc = native:exec("true")
    print(native:release(), native:release())
    try("exec", native.exec, native, "true")
    proc:start()
    print(proc:wait())

    -- whoever ends takes its programs along
    native = exec.get("process:native")
    local events, runs = process.events(), process.listen("runs")
    for _, what in { "returns", "fails", "waits" } do
        local owner = process.spawn_monitored("app:owner", "app:processes", process.pid(), what)
        local number = runs:receive():match("%d+")
        if what == "waits" then process.terminate(owner) end
        events:receive()
        -- Its end does not wait for that of the program.
        local gone
        repeat
            local probe = native:exec("kill -0 " .. number)
            probe:start()
            gone = probe:wait() ~= 0
        until gone
        print(what, "gone", gone)
    end

    -- permissions
    local actor, scope = security.new_actor("runner"), security.named_scope("app:runners")
    local spawner = process.with_context({}):with_actor(actor):with_scope(scope)
    spawner:spawn_monitored("app:owner", "app:processes", process.pid(), "may")
    for _, line in events:receive().result.value do print(line) end

    -- none of it can be sent
    process.send(process.pid(), "sent", { native, proc, stream })
    print(#process.listen("sent"):receive())
    return true
end

return { main = main }
