--= string
-- Child terminates if parent crashes (unless trap_links is set)
local pid, err = process.spawn_linked("app:long_worker", "app:processes")
if err then
    return false, "spawn_linked failed: " .. err
end

print(type(pid))
