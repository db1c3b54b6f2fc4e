local exec = require("exec")
local security = require("security")
local supervise = require("supervise")
local time = require("time")

local function try(label, f, ...)
    local ok, value, err = pcall(f, ...)
    if not ok then value, err = nil, value end
    if err == nil then return print(label, value) end
    print(label, value, type(err) == "userdata" and err:kind() .. ": " .. err:message() or err)
end

local quick = { type = "fixed", delay = "1ms" }

-- Lines of both outputs come in any order.
local function sorted(lines)
    table.sort(lines)
    return lines
end

-- What happens, in one word and what belongs to it.
local function told(event)
    if event.event == "state_changed" then return event.from .. " -> " .. event.to end
    if event.event == "exited" then
        return ("exited %s %s %s"):format(tostring(event.exit.code), event.exit.classification, table.concat(sorted(event.tail), "|"))
    end
    if event.event == "restart_scheduled" then return ("restart_scheduled %d %.3f"):format(event.attempt, event.delay) end
    if event.event == "gave_up" then return ("gave_up %d %d"):format(event.count, event.window) end
    return event.event
end

-- Prints all there is until that one.
local function until_event(events, last)
    local lines, seq = {}, 0
    repeat
        local event = events:receive()
        assert(event.seq > seq and event.at > 1e9 and type(event.name) == "string")
        seq = event.seq
        table.insert(lines, told(event))
    until event.event == last
    print(table.concat(lines, ", "))
end

local function is_gone(number)
    local probe = exec.get("process:native"):exec("kill -0 " .. number)
    probe:start()
    return probe:wait() ~= 0
end

local function main()
    -- nothing yet
    print("nothing", #supervise.list(), #supervise.status())
    for _, verb in { "start", "stop", "restart", "kill", "remove", "status", "logs", "output" } do
        try(verb, supervise[verb], "nobody")
    end

    -- what is no spec
    try("add", supervise.add)
    try("add", supervise.add, "sleep 5")
    try("add", supervise.add, {})
    try("add", supervise.add, { name = "x" })
    try("add", supervise.add, { name = "", command = "sh" })
    try("add", supervise.add, { name = 5, command = "sh" })
    try("add", supervise.add, { "x", "sh" })
    try("add", supervise.add, { name = "a/b", command = "sh" })
    try("add", supervise.add, { name = "x", command = "sh\0" })
    try("add", supervise.add, { name = "x", command = "sh", arg = {} })
    try("add", supervise.add, { name = "x", command = "sh", args = "-c" })
    try("add", supervise.add, { name = "x", command = "sh", args = { print } })
    try("add", supervise.add, { name = "x", command = "sh", args = { channel.new() } })
    try("add", supervise.add, { name = "x", command = "sh", instances = 0.5 })
    try("add", supervise.add, { name = "x", command = "sh", restart = { backoff = { type = "slow" } } })
    try("add", supervise.add, { name = "x", command = "sh", restart = { policy = "sometimes" } })
    try("add", supervise.add, { name = "x", command = "sh", restart = { restart_window = 5 } })
    try("add", supervise.add, { name = "x", command = "sh", shutdown = { signal = "SIGNOTHING" } })
    try("add", supervise.add, { name = "x", command = "sh", shutdown = { kill_on_drop = false } })
    try("add", supervise.add, { name = "x", command = "sh", supervision = { readines = "healthy" } })
    try("add", supervise.add, { name = "x", command = "sh", supervision = { user = "nobody-of-that-name" } })
    local loop = { name = "x", command = "sh" }
    loop.env = loop
    try("add", supervise.add, loop)

    -- other arguments
    try("start", supervise.start)
    try("start", supervise.start, {})
    try("start", supervise.start, "")
    try("start", supervise.start, "nobody", "x")
    try("start", supervise.start, "nobody", -1)
    try("stop", supervise.stop, "nobody", 1.5)
    try("status", supervise.status, nil, 1)
    try("signal", supervise.signal, "nobody")
    try("signal", supervise.signal, "nobody", "")
    try("scale", supervise.scale, "nobody")
    try("scale", supervise.scale, "nobody", 0)
    try("scale", supervise.scale, "nobody", 0 / 0)
    try("logs", supervise.logs, "nobody", -1)
    print("still nothing", #supervise.list())

    -- one that fails until it is given up
    local events = supervise.events()
    print("one channel", events == supervise.events())
    local script = "echo out $A; echo err >&2; exit 3"
    local restart = { max_restarts = 2, backoff = quick }
    try("add", supervise.add, { name = "fails", command = "sh", args = { "-c", script }, env = { A = true }, restart = restart })
    try("add again", supervise.add, { name = "fails", command = "sh" })
    local output = supervise.output("fails")
    print("one channel", output == supervise.output("fails"))
    try("start", supervise.start, "fails")
    until_event(events, "gave_up")
    local lines = {}
    for _ = 1, 6 do
        local line = output:receive()
        table.insert(lines, ("%s %d %s: %s"):format(line.name, line.instance, line.stream, line.line))
    end
    table.sort(lines)
    print(table.concat(lines, ", "))
    local status = supervise.status("fails", 0)
    print(status.name, status.state, status.phase, status.desired, status.exit_code, status.restart_count, status.pid)
    print(status.last_exit.code, status.last_exit.classification, status.ready, status.health, status.bytes_out, status.uptime)
    try("instance", supervise.status, "fails", 1)
    try("start instance", supervise.start, "fails", 1)
    local kept = {}
    for _, line in supervise.logs("fails") do table.insert(kept, line.stream .. " " .. line.line) end
    print(table.concat(sorted(kept), ", "), #supervise.logs("fails", 2))
    try("remove", supervise.remove, "fails")
    print("output over", output:receive())
    until_event(events, "unregistered")

    -- a program that is not there
    try("add", supervise.add, { name = "missing", command = "no_such_program", restart = { policy = "temporary" } })
    local _, err = supervise.start("missing")
    print("start", err:kind(), err:message():find("no_such_program") ~= nil)
    try("stop", supervise.stop, "missing")
    try("remove", supervise.remove, "missing")

    -- three that run, one of which is told what to do
    local wait = "trap 'echo hup' HUP; trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.05; done"
    local spec = { name = "runs", command = "sh", args = { "-c", wait }, instances = 3, restart = { backoff = quick } }
    spec.supervision = { readiness = { log_line = "^ready$" } }
    -- A shell says something of its own when others end what it waits for.
    spec.shutdown = { kill_scope = "mixed" }
    try("add", supervise.add, spec)
    output = supervise.output("runs")
    try("start", supervise.start, "runs")
    for _ = 1, 3 do output:receive() end
    for _, one in supervise.status("runs") do
        print(one.display_name, one.state, one.phase, one.pid == one.last_pid, one.started_at > 1e9, one.containment)
    end
    try("remove", supervise.remove, "runs")
    try("signal", supervise.signal, "runs", "HUP", 1)
    local line = output:receive()
    print(line.instance, line.stream, line.line)
    try("signal", supervise.signal, "runs", "NOTHING", 1)
    try("signal", supervise.signal, "runs", 1, 7)
    local before = supervise.status("runs", 2).pid
    try("restart", supervise.restart, "runs", 2)
    local after = supervise.status("runs", 2)
    print("another", before ~= after.pid, after.restart_count, is_gone(before))
    for _ = 1, 2 do print(output:receive().line) end
    before = supervise.status("runs", 0).pid
    try("kill", supervise.kill, "runs", 0)
    print("killed", supervise.status("runs", 0).state, is_gone(before))
    try("start", supervise.start, "runs", 0)
    print(output:receive().line)
    try("scale", supervise.scale, "runs", 1)
    print("scaled", #supervise.status("runs"), output:receive().line, output:receive().line)
    try("scale", supervise.scale, "runs", 2)
    line = output:receive()
    print("new ones are heard", line.instance, line.line)

    -- nobody stops the others by waiting
    local done = channel.new(2)
    for _, verb in { "stop", "stop" } do
        coroutine.spawn(function() done:send(supervise[verb]("runs")) end)
    end
    print("stopped", done:receive(), done:receive())
    for _, one in supervise.status() do print(one.display_name, one.state, one.desired) end
    try("signal", supervise.signal, "runs", "HUP", 0)
    try("remove", supervise.remove, "runs")
    print("nothing", #supervise.list())

    -- who is slow learns how much it has missed
    supervise.events():close()
    print("closed", events:receive())
    events = supervise.events()
    for round = 1, 600 do
        assert(supervise.add({ name = "often", command = "true" }))
        assert(supervise.remove("often"))
    end
    local first, second = events:receive(), events:receive()
    print("slow", first.event, first.missed > 0, second.event)
    events:close()
    local many = { name = "loud", command = "sh", args = { "-c", "seq 1 200000" }, restart = { policy = "temporary" } }
    assert(supervise.add(many))
    output = supervise.output("loud")
    events = supervise.events()
    supervise.start("loud")
    repeat local event = events:receive() until event.event == "exited"
    local bytes, lost, last = 0, 0, nil
    repeat
        local got = output:receive()
        if got.lost then lost += got.lost else bytes += #got.line + 1; last = got.line end
    until last == "200000"
    print("loud", lost > 0, bytes + lost == 1288895)

    -- where nobody can wait
    local _, why = pcall(function() return setmetatable({}, { __index = function() return supervise.stop("loud") end }).x end)
    print("unwaitable", tostring(why):match("attempt.*"))

    -- whoever ends takes its programs along
    local ends, runs = process.events(), process.listen("runs")
    for _, what in { "returns", "fails", "is terminated", "is replaced" } do
        local owner = process.spawn_monitored("app:owner", "app:processes", process.pid(), what)
        local numbers = runs:receive()
        if what == "is terminated" then process.terminate(owner) end
        -- Its end does not wait for that of its programs.
        if what ~= "is replaced" then ends:receive() end
        for _, number in numbers do
            while not is_gone(number) do time.sleep("10ms") end
        end
        print(what, #numbers .. " are gone")
    end

    -- permissions
    local actor, scope = security.new_actor("agents"), security.named_scope("app:agents")
    local spawner = process.with_context({}):with_actor(actor):with_scope(scope)
    spawner:spawn_monitored("app:owner", "app:processes", process.pid(), "may")
    for _, line in ends:receive().result.value do print(line) end
    return true
end

return { main = main }
