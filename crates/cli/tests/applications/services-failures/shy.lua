-- Does not start before somebody is there.
if not process.registry.lookup("somebody") then error("nobody is there") end

return { main = function() process.inbox():receive() end }
