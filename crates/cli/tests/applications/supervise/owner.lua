local supervise = require("supervise")

-- Keeps a program, and ends in some way; or tries what its policies allow.
local function main(parent, what)
    if what == "may" then
        local said = {}
        local function try(f, ...)
            local value, err = f(...)
            table.insert(said, if value == nil then err:kind() .. ": " .. err:message() else "ok")
        end
        local function spec(name, command, cwd) return { name = name, command = command, cwd = cwd } end
        try(supervise.add, spec("agent-1", "sh"))
        try(supervise.add, spec("agent-2", "true"))
        try(supervise.add, spec("agent-2", "sh", "/"))
        try(supervise.add, spec("other", "sh"))
        try(supervise.stop, "other")
        try(supervise.stop, "agent-2")
        try(supervise.list)
        try(supervise.events)
        table.insert(said, #supervise.status())
        return said
    end
    -- It takes its time, and a child of its own session does not obey at all.
    local deaf = "setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 600' & "
    local spec = { name = "kept", command = "sh", instances = 2 }
    spec.shutdown = { timeout = "200ms", kill_delay = "0s", leftover_grace = "50ms" }
    spec.args = { "-c", deaf .. "trap 'sleep 0.1; exit' TERM; echo $$; while :; do sleep 0.1; done" }
    assert(supervise.add(spec))
    local output, numbers = supervise.output("kept"), {}
    assert(supervise.start("kept"))
    while #numbers < 4 do table.insert(numbers, output:receive().line) end
    process.send(parent, "runs", numbers)
    if what == "fails" then error("as asked") end
    if what == "is replaced" then process.upgrade("app:successor") end
    if what ~= "returns" then process.inbox():receive() end
end

return { main = main }
