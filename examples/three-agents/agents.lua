local supervise = require("supervise")

local tasks = { "plan", "review", "test" }

-- An agent; any program would do. It works step by step and then waits for more, until somebody ends it. The one that
-- reviews crashes the first time: it makes a folder, and finds it there when it is started again.
local agent = [[
    task="$1"; trace="/tmp/three-agents-$PPID"
    if [ "$task" = review ] && mkdir "$trace" 2>/dev/null; then
        echo "something is wrong" >&2
        exit 3
    fi
    [ "$task" = review ] && rmdir "$trace"
    for step in 1 2 3; do echo "step $step"; done
    echo done
    exec sleep 600
]]

local function main()
    local reports, crashes = {}, {}

    -- Everything that happens to any of the agents.
    local events = supervise.events()

    -- One case for the events, and one for the output of each agent.
    local cases = { events:case_receive() }
    for _, task in tasks do
        assert(supervise.add {
            name = task,
            command = "sh",
            args = { "-c", agent, "agent", task },
            restart = { policy = "transient", backoff = { type = "fixed", delay = "10ms" } },
        })
        reports[task] = {}
        table.insert(cases, supervise.output(task):case_receive())
    end
    for _, task in tasks do assert(supervise.start(task)) end
    print("running: " .. table.concat(supervise.list(), ", "))

    -- Until all of them have done their work.
    local left = #tasks
    while left > 0 do
        local got = channel.select(cases)
        local value = got.value
        if got.channel == events then
            if value.event == "exited" then crashes[value.name] = value.exit.code end
        else
            table.insert(reports[value.name], value.stream .. ": " .. value.line)
            if value.line == "done" then left -= 1 end
        end
    end

    -- They work side by side, so the report is made when all is there.
    for _, task in tasks do
        local status = supervise.status(task, 0)
        print(("%s is %s, restarts: %d"):format(task, status.state, status.restart_count))
        if crashes[task] then print("  it had crashed with exit code " .. crashes[task]) end
        for _, line in reports[task] do print("  " .. line) end
    end

    -- The agents would end with this process anyway. This waits for it.
    for _, task in tasks do assert(supervise.stop(task)) end
    for _, status in supervise.status() do print(status.name .. " is " .. status.state) end
    return true
end

return { main = main }
