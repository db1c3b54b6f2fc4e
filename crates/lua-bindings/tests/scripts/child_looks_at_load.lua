local text = tostring(process.pid())

return function() return text == process.pid() end
